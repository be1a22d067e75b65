"""The rule for a length that a header declares and the file does not confirm."""

from __future__ import annotations

from dataclasses import dataclass

from sequencer.errors import AudioError

SLACK_BYTES = 128
"""How far a length may be off and still be meant: writers count their own header in, or not."""

# Less than a hundredth of what is declared is no cut transfer: the header is wrong.
_ABSURD = 100
# Programs that write to a pipe leave the largest count they know, or close to it: 0xFFFFFFFF
# (ffmpeg), 0x7FFFF000 (SoX), 0x7FFFFFFF, and all of these less their header.
_NEAR = 1 << 12


@dataclass(frozen=True)
class Claim:
    """A declared length, and what a message needs about it.

    Attributes
    ----------
    container : str
        Its name.
    declared : int
        Bytes of samples that the header declares.
    byte_rate : int
        Bytes of samples a second; 0 where unknown.
    bits : int
        Width of the counter.
    """

    container: str
    declared: int
    byte_rate: int = 0
    bits: int = 32

    @property
    def text(self) -> str:
        """The claim in words."""
        duration = ""
        if self.byte_rate > 0:
            seconds = self.declared // self.byte_rate
            duration = f" ({seconds // 3600}:{seconds // 60 % 60:02d}:{seconds % 60:02d})"
        return f"the {self.container} header declares {self.declared:,} bytes of samples{duration}"

    def is_unknown(self, there: int) -> bool:
        """Whether the number stands for a length that the writer could not know."""
        return self.declared > there and stands_for_unknown(self.declared, self.bits)


def stands_for_unknown(number: int, bits: int = 32) -> bool:
    """Whether a count is one that programs write when they do not know it."""
    widths = (31, 32) if bits == 32 else (31, 32, 63, 64)
    return any((1 << width) - _NEAR <= number <= 1 << width for width in widths)


def is_little(difference: int, there: int) -> bool:
    """Whether a length is so little off that it is a miscount and not a cut."""
    return 0 <= difference <= min(SLACK_BYTES, there // 32)


def too_long(claim: Claim, there: int, total: int) -> str:
    """Return the note for a claim that is a little longer than the file, or refuse it.

    Parameters
    ----------
    claim : Claim
        More than `there`, and not unknown.
    there : int
        Bytes of samples in the file.
    total : int
        Bytes of the whole file.

    Raises
    ------
    AudioError
        ``empty``, ``truncated`` or ``absurd-header``, with both numbers.
    """
    if there == 0:
        raise AudioError("empty", f"{claim.text}, and none follow it")
    if claim.declared > there * _ABSURD:
        raise AudioError(
            "absurd-header",
            f"{claim.text}, but the whole file has {total:,} bytes, {there:,} of them samples",
        )
    if not is_little(claim.declared - there, there):
        raise AudioError("truncated", f"{claim.text}, {there:,} came")
    return f"{claim.text}; all {there:,} that are there are read"


def too_short(claim: Claim, there: int, *, confirmed: bool = False) -> str:
    """Return the note for a claim that falls short of what follows it, or refuse it.

    Parameters
    ----------
    claim : Claim
        Less than `there`.
    there : int
        Bytes that follow the header and are no chunks, tags or filler.
    confirmed : bool
        Whether another length of the same header confirms that these are samples.

    Raises
    ------
    AudioError
        ``wrong-length``, with both numbers.
    """
    more = there - claim.declared
    period = 1 << claim.bits
    if more >= period and (more % period) <= SLACK_BYTES:
        return f"{claim.text}: its counter of {claim.bits} bits has wrapped; all {there:,} are read"
    if claim.declared == 0:
        return f"{claim.text}, as a writer that was interrupted leaves it; {there:,} are read"
    if confirmed or is_little(more, there):
        return f"{claim.text}; all {there:,} that are there are read"
    raise AudioError(
        "wrong-length",
        f"{claim.text}, but {there:,} follow that are neither chunk nor tag: "
        "write its header anew, as `sox --ignore-length` does",
    )


def unknown(claim: Claim, there: int) -> str:
    """Return the note for a length that its writer did not know.

    Raises
    ------
    AudioError
        ``empty``, where nothing follows.
    """
    if there == 0:
        raise AudioError(
            "empty", f"the {claim.container} header leaves its length open, and 0 bytes follow"
        )
    return f"the {claim.container} header leaves its length open; {there:,} bytes are read"
