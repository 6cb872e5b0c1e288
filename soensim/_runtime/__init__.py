"""What the package needs from Python, the C library and the file system; nothing of a chip."""

import time

#: When this process began to import soensim (s since 1970). A source file that changed later may differ from what runs.
IMPORTED_AT = time.time()
