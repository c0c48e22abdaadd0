"""Arrays of a Keras weights file (HDF5), and from them a safetensors file in our names.

Only what the spec foretells is read: each array at its place, of its shape, of floats. Links and
arrays that live in other files are refused, and so are filters other than those of HDF5 itself.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from trainyard.errors import InvalidInput, Mistake

if TYPE_CHECKING:
    import numpy.typing as npt

    from trainyard.spec.importers.keras import Imported

# h5py tells of damage by all of these.
DAMAGE = (OSError, RuntimeError, KeyError, ValueError, TypeError, MemoryError, AttributeError)
FILTERS = {1, 2, 3}  # deflate, shuffle, fletcher32: HDF5's own
# Keras packs nothing; an array that unpacks to far more than it takes in the file is a bomb.
MAX_RATIO, RATIO_FREE_BYTES = 100, 2**20
MAX_CONSTANTS = 65536  # numbers of one Normalization layer
# What files of TensorFlow 2.12 to 2.15 call the group of a model's layers.
OLD_GROUP = "_layer_checkpoint_dependencies"


class WeightsFile:
    """An open ``model.weights.h5``."""

    def __init__(self, path: Path) -> None:
        try:
            import h5py
        except ImportError as error:
            raise InvalidInput(
                "Reading .keras files needs h5py: install trainyard[api]."
            ) from error
        self._h5py = h5py
        try:
            self._file = h5py.File(path, "r")
        except DAMAGE as error:
            raise _refused(f"model.weights.h5 is no HDF5 file: {_short(error)}") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def numbers(self, key: str) -> Any:
        """A small array as nested lists of numbers; None where there is none."""
        try:
            dataset = self._dataset(key)
            if dataset is None or dataset.size > MAX_CONSTANTS:
                return None
            return self._floats(dataset).tolist()
        except DAMAGE:
            return None

    def array(self, key: str, shape: tuple[int, ...]) -> npt.NDArray[np.float32]:
        """The array at this place.

        Raises:
            InvalidInput: there is none, or one of another shape or of no floats.
        """
        try:
            dataset = self._dataset(key)
            if dataset is None:
                raise _refused(f"the weights file has no array {key}")
            if tuple(dataset.shape) != shape:
                received = str(tuple(dataset.shape))
                text = f"the array {key} has another shape than the model says"
                raise _refused(text, str(shape), received)
            return self._floats(dataset)
        except DAMAGE as error:
            raise _refused(f"the array {key} is damaged: {_short(error)}") from error

    def _floats(self, dataset: Any) -> npt.NDArray[np.float32]:
        if dataset.dtype.kind != "f":
            raise ValueError(f"values of type {dataset.dtype}")
        if dataset.external or dataset.is_virtual:
            raise ValueError("its values stand in other files")
        properties = dataset.id.get_create_plist()
        used = {properties.get_filter(n)[0] for n in range(properties.get_nfilters())}
        if not used <= FILTERS:
            raise ValueError("it is packed by a filter that is not HDF5's own")
        stored = dataset.id.get_storage_size()
        if dataset.nbytes > max(RATIO_FREE_BYTES, MAX_RATIO * stored):
            raise ValueError(f"unpacks to {dataset.nbytes} bytes from {stored}: a bomb?")
        return np.asarray(dataset[()], dtype=np.float32)

    def _dataset(self, key: str) -> Any:
        here: Any = self._file
        for part in key.split("/"):
            if not isinstance(here, self._h5py.Group):
                return None
            if part == "layers" and part not in here:
                part = OLD_GROUP
            link = here.get(part, getlink=True)
            if link is None:
                return None
            if not isinstance(link, self._h5py.HardLink):
                raise ValueError("a link to another place")
            here = here[part]
        return here if isinstance(here, self._h5py.Dataset) else None


def write_weights(imported: Imported, weights: WeightsFile, target: Path) -> None:
    """Writes every weight of the imported model, under its name in our state_dict.

    Raises:
        InvalidInput: with every array that is missing or wrong.
    """
    from safetensors.numpy import save_file

    mistakes: list[Mistake] = []
    parts: dict[str, list[npt.NDArray[np.float32]]] = {}
    for taken in imported.taken:
        try:
            array = taken.change(weights.array(taken.key, taken.shape))
            parts.setdefault(taken.target, []).append(array)
        except InvalidInput as error:
            mistakes += error.errors
    if mistakes:
        raise InvalidInput("The weights file does not fit the model.", mistakes[:200])
    tensors: dict[str, npt.NDArray[Any]] = {
        name: np.ascontiguousarray(np.concatenate(arrays) if len(arrays) > 1 else arrays[0])
        for name, arrays in parts.items()
    }
    tensors |= {name: np.zeros((), np.int64) for name in imported.counters}
    save_file(tensors, target)


def _refused(
    message: str, expected: str | None = None, received: str | None = None
) -> InvalidInput:
    mistake = Mistake("/file", message, expected, received)
    return InvalidInput("The weights file cannot be read.", [mistake])


def _short(error: BaseException) -> str:
    return (str(error) or type(error).__name__)[:200]
