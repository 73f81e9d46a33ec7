"""Every fold of the house: the kernel's own and those of the subsystems."""

from typing import Any

from os2shell.kernel.engine import KERNEL_FOLDS
from os2shell.model.fold import Fold
from os2shell.subsystems.python_vm.environments import ENVIRONMENTS

FOLDS: tuple[Fold[Any], ...] = (*KERNEL_FOLDS, ENVIRONMENTS)
