"""Make the corpus that the bundled model `small` is trained on.

Needs Debian's packages fluidsynth, fluid-soundfont-gm, musescore-general-soundfont and
sonic-pi-samples. Writes two folders of recordings with their rights in a sources.csv each: `train/`
and `held-out/`. Whole recordings and whole instruments are held out:

- notes: a recording an instrument of the General MIDI sound set and font, notes over four octaves;
  programs 8, 24, 40 … (every sixteenth) are held out, of both fonts;
- recordings: of the 21 in `DEMO`, the first of each category by name; of the others, those
  whose name's SHA-256 starts with a byte below 32 (one in eight);
- tones: made here, by seed: partials of random slopes, envelopes and vibrato, alone and in twos and
  threes; none is held out.

Usage: python scripts/small_corpus.py FOLDER
"""

from __future__ import annotations

import csv
import hashlib
import random
import re
import shutil
import subprocess
import sys
import urllib.parse
from itertools import pairwise
from pathlib import Path

import numpy as np
import soundfile

FONTS = {
    "fluid": (Path("/usr/share/sounds/sf2/FluidR3_GM.sf2"), "Frank Wen (FluidR3 GM)"),
    "musescore": (
        Path("/usr/share/sounds/sf3/MuseScore_General_Full.sf3"),
        "S. Christian Collins and others (MuseScore General)",
    ),
}
SAMPLES = Path("/usr/share/sonic-pi/samples")
SAMPLE_RATE = 16_000
TICKS = 480
TICKS_A_SECOND = 2 * TICKS
PROGRAMS = range(120)
"""Of the sound set's 128; the last eight are effects such as gunshots."""

TONES, TONE_SECONDS = 60, 10

DEMO_HELD_OUT = {
    "ambi_choir",
    "ambi_drone",
    "ambi_glass_hum",
    "ambi_haunted_hum",
    "loop_safari",
    "misc_crow",
}
DEMO = DEMO_HELD_OUT | {
    "ambi_lunar_land",
    "ambi_piano",
    "bass_voxy_c",
    "bass_woodsy_c",
    "drum_cymbal_open",
    "drum_roll",
    "elec_chime",
    "guit_e_slide",
    "guit_em9",
    "guit_harmonics",
    "loop_tabla",
    "misc_burp",
    "perc_bell",
    "perc_door",
    "vinyl_rewind",
}


def main(folder: Path) -> None:
    """Write both folders below `folder`."""
    rows: dict[str, list[list[str]]] = {"train": [], "held-out": []}
    for part in rows:
        (folder / part).mkdir(parents=True, exist_ok=True)
    for name, url in sample_pages().items():
        held_out = (
            name in DEMO_HELD_OUT
            if name in DEMO
            else hashlib.sha256(name.encode()).digest()[0] < 32
        )
        part = "held-out" if held_out else "train"
        shutil.copy(SAMPLES / f"{name}.flac", folder / part / f"{name}.flac")
        author = urllib.parse.unquote(url.split("/people/")[1].split("/")[0])
        rows[part].append([f"{name}.flac", name.replace("_", " "), author, "CC0-1.0", url])
    for font, (path, author) in FONTS.items():
        for program, audio in enumerate(rendered(font, path)):
            part = "held-out" if held_program(program) else "train"
            file = folder / part / f"{font}_{program:03d}.wav"
            soundfile.write(file, audio, SAMPLE_RATE)
            title = f"General MIDI program {program + 1}"
            rows[part].append([file.name, title, author, "MIT", ""])
    for number in range(TONES):
        file = folder / "train" / f"tone_{number:02d}.wav"
        soundfile.write(file, tones(number), SAMPLE_RATE)
        rows["train"].append([file.name, f"tones {number}", "nsynth-batch", "CC0-1.0", ""])
    for part, lines in rows.items():
        with (folder / part / "sources.csv").open("w", newline="", encoding="utf-8") as out:
            writer = csv.writer(out)
            writer.writerow(["file", "title", "author", "licence", "source_url"])
            writer.writerows(sorted(lines))


def sample_pages() -> dict[str, str]:
    """Read which page each recording of the samples package came from."""
    found = {}
    for match in re.finditer(r"`:(\w+)` - (https?://\S+)", (SAMPLES / "README.md").read_text()):
        name, url = match.groups()
        if (SAMPLES / f"{name}.flac").exists() and "/people/" in url:
            found[name] = url
    return found


def held_program(program: int) -> bool:
    """Return whether an instrument is held out."""
    return program % 16 == 8


def rendered(font: str, path: Path) -> list[np.ndarray]:
    """Render the notes of all instruments in one go, and cut them apart; float32 each."""
    plans = [plan(font, program) for program in PROGRAMS]
    midi, wav = Path(f"{font}.mid"), Path(f"{font}.wav")
    data, starts = midi_file(plans)
    midi.write_bytes(data)
    command = ["fluidsynth", "-ni", "-q", "-g", "0.6", "-R", "0", "-C", "0", "-O", "s16"]
    subprocess.run(
        [*command, "-r", str(SAMPLE_RATE), "-F", str(wav), str(path), str(midi)], check=True
    )
    audio, _ = soundfile.read(wav, dtype="float32", always_2d=True)
    midi.unlink()
    wav.unlink()
    places = [start * SAMPLE_RATE // TICKS_A_SECOND for start in starts]
    return [audio[a:b].mean(axis=1) for a, b in pairwise(places)]


def plan(font: str, program: int) -> list[tuple[int, int, int]]:
    """Return the notes of an instrument: pitch, velocity, length in ticks."""
    draw = random.Random(f"{font} {program}")
    apart = 12 if held_program(program) else 4
    return [
        (base + draw.randrange(4), draw.choice([55, 80, 100, 120]), draw.choice([2, 3, 4]) * TICKS)
        for base in range(36, 87, apart)
    ]


def midi_file(plans: list[list[tuple[int, int, int]]]) -> tuple[bytes, list[int]]:
    """Write the plans one after the other as a standard MIDI file (format 0, 120 beats a minute).

    Returns the file, and the tick at which each plan begins and the last one ends.
    """
    events: list[tuple[int, int, bytes]] = []
    starts, now = [], 0
    for program, notes in enumerate(plans):
        starts.append(now)
        events.append((now, 0, bytes([0xC0, program])))
        for pitch, velocity, length in notes:
            events.append((now + 2, 1, bytes([0x90, pitch, velocity])))
            events.append((now + length, 1, bytes([0x80, pitch, 0])))
            now += length + TICKS // 2
        # All sound off, so that no note rings into the next instrument's.
        events.append((now + 2 * TICKS - 60, 0, bytes([0xB0, 120, 0])))
        now += 2 * TICKS
    events.sort(key=lambda event: event[:2])
    track, before = b"", 0
    for tick, _, message in events:
        track += variable_length(tick - before) + message
        before = tick
    track += variable_length(TICKS) + b"\xff\x2f\x00"
    header = b"MThd" + (6).to_bytes(4, "big") + bytes([0, 0, 0, 1]) + TICKS.to_bytes(2, "big")
    return header + b"MTrk" + len(track).to_bytes(4, "big") + track, [*starts, now]


def tones(number: int) -> np.ndarray:
    """Draw chords of partials, one each two seconds; float32."""
    draw = np.random.default_rng(number)
    time = np.arange(2 * SAMPLE_RATE) / SAMPLE_RATE
    parts = []
    for _ in range(TONE_SECONDS // 2):
        sound = np.sum([tone(draw, time) for _ in range(draw.choice([1, 1, 1, 2, 3]))], axis=0)
        sound += draw.choice([0, 0.003, 0.03]) * draw.normal(0, 1, len(time))
        parts.append(0.5 * sound / np.abs(sound).max())
    return np.concatenate(parts).astype(np.float32)


def tone(draw: np.random.Generator, time: np.ndarray) -> np.ndarray:
    """Draw one pitch with partials up to 7.6 kHz, full scale."""
    hertz = 55 * 2 ** draw.uniform(0, 5.2)
    partials = np.arange(1, min(40, int(7600 / hertz)) + 1)
    levels = partials ** -draw.uniform(0.3, 2.2) * np.exp(draw.normal(0, 0.8, len(partials)))
    if draw.random() < 0.3:
        levels *= partials % 2
    vibrato = 1 + draw.choice([0, 0, 0.004]) * np.sin(2 * np.pi * draw.uniform(4, 7) * time)
    phase = 2 * np.pi * np.cumsum(hertz * vibrato) / SAMPLE_RATE
    stretch = draw.choice([0, 0, draw.uniform(0, 4e-4)])  # of a stiff string
    sound = sum(
        level * np.sin(phase * k * np.sqrt(1 + stretch * k * k) + draw.uniform(0, 2 * np.pi))
        for level, k in zip(levels, partials, strict=True)
    )
    sound = sound * np.exp(-draw.choice([0, 0, draw.uniform(1, 8)]) * time)
    return np.asarray(sound / np.abs(sound).max())


def variable_length(value: int) -> bytes:
    """Write a number as MIDI does, seven bits a byte."""
    parts = [value & 0x7F]
    while value := value >> 7:
        parts.append(value & 0x7F | 0x80)
    return bytes(reversed(parts))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
