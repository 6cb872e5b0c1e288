"""One file per imperfection; every module of this folder is loaded, so that a new file is all that a new one needs."""

from importlib import import_module
from pkgutil import iter_modules

for _module in iter_modules(__path__):
    import_module(f"{__name__}.{_module.name}")
