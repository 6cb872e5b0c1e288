"""The block: so many rows of the batch go through all steps together.

Its size is fixed, numba compiles it into every kernel. Each row's sums are the same whatever block it stands in, and
sums over rows are taken in the order of the blocks: a result does not depend on the number of threads.
"""

#: Rows of the batch in a block: 128 bytes of float32, four vector registers of AVX2.
ROWS = 32
