"""The C++ engine: its sources, and where it is built the extension module `_engine`.

A stepper advances a batch of clips a sample at a time, a forward pass runs the decoder over known
samples, and an encoder runs over recordings; all three stand on one matrix product. In float32 and
over rows of narrow numbers it is written once over vector types and compiled for each instruction
set; over tiles once for AMX and for a model of it (precision.hpp has the rules of rounding). Every
sum is accumulated in one fixed order, so that a clip's bytes depend on precision and instruction
set alone.
"""
