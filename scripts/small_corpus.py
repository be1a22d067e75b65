"""Make the corpus that the bundled model `small` is trained on.

Needs Debian's packages fluidsynth, fluid-soundfont-gm and sonic-pi-samples. Writes two folders
of recordings with their rights in a sources.csv each: `train/` and `held-out/`. Whole recordings
and whole instruments are held out:

- notes: a recording an instrument of the General MIDI sound set; programs 8, 24, 40 … (every
  sixteenth) are held out;
- recordings: of the 21 in `DEMO`, the first of each category by name; of the others, those
  whose name's SHA-256 starts with a byte below 32 (one in eight).

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
from pathlib import Path

SOUND_FONT = Path("/usr/share/sounds/sf2/FluidR3_GM.sf2")
SAMPLES = Path("/usr/share/sonic-pi/samples")
SAMPLE_RATE = 16_000
TICKS = 480

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
    for program in range(129):
        part = "held-out" if program % 16 == 8 else "train"
        file = folder / part / f"gm_{program:03d}.wav"
        render(program, file)
        title = "General MIDI drums" if program == 128 else f"General MIDI program {program + 1}"
        rows[part].append([file.name, title, "Frank Wen (FluidR3 GM)", "MIT", ""])
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


def render(program: int, file: Path) -> None:
    """Render five seeded notes and a chord of an instrument (128: the drum kit)."""
    midi = file.with_suffix(".mid")
    midi.write_bytes(midi_file(program))
    command = ["fluidsynth", "-ni", "-q", "-g", "0.6", "-r", str(SAMPLE_RATE), "-O", "s16"]
    subprocess.run([*command, "-F", str(file), str(SOUND_FONT), str(midi)], check=True)
    midi.unlink()


def midi_file(program: int) -> bytes:
    """Write one instrument's notes as a standard MIDI file (format 0, 120 beats a minute)."""
    draw = random.Random(program)
    channel = 9 if program == 128 else 0
    events: list[tuple[int, bytes]] = []
    if channel == 0:
        events.append((0, bytes([0xC0, program])))
    for k in range(6):
        start, length = k * 3 * TICKS, draw.choice([1, 2, 3]) * TICKS
        root = draw.randrange(35, 60) if channel else draw.randrange(33, 90)
        chord = (0, draw.choice([3, 4]), 7) if k >= 5 else (0,)
        velocity = draw.choice([50, 75, 100, 127])
        for interval in chord:
            events.append((start, bytes([0x90 | channel, root + interval, velocity])))
            events.append((start + length, bytes([0x80 | channel, root + interval, 0])))
    events.sort(key=lambda event: event[0])
    track, now = b"", 0
    for tick, message in events:
        track += variable_length(tick - now) + message
        now = tick
    track += variable_length(TICKS) + b"\xff\x2f\x00"
    header = b"MThd" + (6).to_bytes(4, "big") + bytes([0, 0, 0, 1]) + TICKS.to_bytes(2, "big")
    return header + b"MTrk" + len(track).to_bytes(4, "big") + track


def variable_length(value: int) -> bytes:
    """Write a number as MIDI does, seven bits a byte."""
    parts = [value & 0x7F]
    while value := value >> 7:
        parts.append(value & 0x7F | 0x80)
    return bytes(reversed(parts))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
