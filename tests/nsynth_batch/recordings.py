"""Recordings to test with: the bundled ones, and made ones of every kind."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import soundfile

RECORDINGS = Path(__file__).parents[2] / "nsynth_batch" / "recordings"


def tone(seconds: float, pitch: float = 220.0, rate: int = 16_000) -> np.ndarray:
    """A tone that falls, so that no two stretches of it are alike: float64 [n]."""
    t = np.arange(round(seconds * rate)) / rate
    return 0.5 * np.exp(-t) * np.sin(2 * np.pi * pitch * t)


def write_wav(
    path: Path, samples: np.ndarray | None = None, rate: int = 16_000, subtype: str = "PCM_16"
) -> Path:
    """Write samples, a short tone keyed by the file's name by default."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if samples is None:
        samples = tone(0.3, 100.0 + sum(path.name.encode("utf-8", "surrogateescape")))
    soundfile.write(str(path), samples, rate, subtype=subtype, format="WAV")
    return path


def write_good(folder: Path) -> set[str]:
    """Write recordings of every kind that can be read; give their titles."""
    crow = RECORDINGS / "misc_crow.flac"
    (folder / "crow.flac").write_bytes(crow.read_bytes())
    rng = np.random.default_rng(0)
    write_wav(folder / "8 bit.wav", tone(0.6, 300), subtype="PCM_U8")
    write_wav(folder / "24 bit.wav", tone(0.6, 310), subtype="PCM_24")
    write_wav(folder / "float64.wav", tone(0.6, 320), subtype="DOUBLE")
    write_wav(folder / "eleven.wav", rng.normal(0, 0.1, (9600, 11)))
    write_wav(folder / "fast.wav", tone(0.4, 330, 384_000), rate=384_000)
    write_wav(folder / 'it\'s "quoted".wav', tone(0.5, 340))
    write_wav(folder / "two\nlines.wav", tone(0.5, 350))
    write_wav(folder / "птица 鳥.wav", tone(0.5, 360))
    return {
        "crow", "8 bit", "24 bit", "float64", "eleven", "fast", 'it\'s "quoted"', "two\nlines",
        "птица 鳥",
    }  # fmt: skip


def write_bad(folder: Path) -> dict[str, str]:
    """Write recordings of every kind that cannot be used; give the reason for each title."""
    whole = write_wav(folder / "truncated.wav", tone(1.0, 400)).read_bytes()
    (folder / "truncated.wav").write_bytes(whole[:20_000])
    (folder / "empty.wav").write_bytes(b"")
    write_wav(folder / "header only.wav", np.zeros(0))
    claims = bytearray(whole[:1024])
    frames = 3 * 3600 * 16_000
    claims[4:8] = (36 + 2 * frames).to_bytes(4, "little")
    claims[40:44] = (2 * frames).to_bytes(4, "little")
    (folder / "three hours.wav").write_bytes(claims)
    (folder / "letter.wav").write_text("Dear listener, this is no sound.\n" * 40)
    write_wav(folder / "zeros.wav", np.zeros(16_000))
    for name, value in (("nan", np.nan), ("infinite", np.inf)):
        samples = tone(1.0, 410)
        samples[5000] = value
        write_wav(folder / f"{name}.wav", samples, subtype="FLOAT")
    write_wav(folder / "one a second.wav", tone(1.0, 420), rate=1)
    write_wav(folder / "short.wav", tone(1.0, 430)[:511])
    return {
        "truncated": "truncated",
        "empty": "empty",
        "header only": "empty",
        "three hours": "absurd-header",
        "letter": "not-audio",
        "zeros": "silent",
        "nan": "non-finite",
        "infinite": "non-finite",
        "one a second": "sample-rate",
        "short": "too-short",
    }
