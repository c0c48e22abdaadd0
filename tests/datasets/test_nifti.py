"""NIfTI volumes that nibabel writes, against what nibabel reads."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from trainyard.datasets import (
    DatasetOptions,
    IngestLimits,
    SplitOptions,
    UnreadableFile,
    decode_sample,
    open_dataset,
)

from .conftest import Ingest, messages, npz_of, zip_of

AS_GIVEN = DatasetOptions(split=SplitOptions(val=0, test=0))
RAS = np.diag([1.0, 1.0, 2.0, 1.0])


def nifti(voxels: np.ndarray, affine: np.ndarray = RAS, kind: type = nib.Nifti1Image) -> bytes:
    return kind(voxels, affine).to_bytes()


def voxels(seed: int, *shape: int) -> np.ndarray:
    shape = shape or (5, 4, 3)
    return np.random.default_rng(seed).integers(-1000, 1000, shape).astype(np.int16)


def volumes(num: int = 4, **kwargs) -> dict[str, bytes]:
    return {
        f"{c}/{i}.nii.gz": gzip.compress(nifti(voxels(i * 7 + ord(c)), **kwargs))
        for c in "ab"
        for i in range(num)
    }


def expected(data: bytes) -> np.ndarray:
    """(C, D, H, W) as nibabel turns and reads it."""
    raw = gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data
    kind = nib.Nifti1Image if raw[344:348] == b"n+1\0" else nib.Nifti2Image
    image = nib.as_closest_canonical(kind.from_bytes(raw))
    array = image.get_fdata(dtype=np.float32)
    return np.moveaxis(array[..., None] if array.ndim == 3 else array, (3, 2, 1, 0), (0, 1, 2, 3))


def splits(tmp_path: Path, name: str = "out"):
    return open_dataset(tmp_path / "store" / name).splits


@pytest.mark.parametrize("kind", [nib.Nifti1Image, nib.Nifti2Image])
@pytest.mark.parametrize(
    "affine", [RAS, np.diag([-1.0, -1.0, 2.0, 1.0]), np.eye(4)[[2, 0, 1, 3]]],
    ids=["ras", "lps", "turned"],
)  # fmt: skip
def test_class_folders_of_volumes_are_turned_to_ras(take: Ingest, tmp_path, kind, affine):
    files = volumes(kind=kind, affine=affine)
    manifest = take(zip_of(files), AS_GIVEN)
    volume = [expected(data) for data in files.values()]
    assert (manifest.format, manifest.dtype) == ("nifti", "float32")
    assert manifest.input_shape == volume[0].shape
    x, y = splits(tmp_path)["train"]
    np.testing.assert_array_equal(x, volume)
    np.testing.assert_array_equal(y, np.repeat([0, 1], 4))


def test_a_sheet_gives_the_volumes_numbers(take: Ingest, tmp_path):
    files = {f"scans/sub-{i:02}.nii.gz": gzip.compress(nifti(voxels(i))) for i in range(6)}
    text = "\n".join(
        ["participant\tage", *(f"sub-{i:02}\t{20 + i / 2}" for i in range(6))]
    ).encode()
    manifest = take(zip_of(files | {"participants.tsv": text}), AS_GIVEN)
    assert (manifest.format, manifest.task, manifest.outputs) == ("nifti", "regression", ["age"])
    x, y = splits(tmp_path)["train"]
    np.testing.assert_array_equal(x, [expected(data) for data in files.values()])
    assert y[:, 0].tolist() == [20 + i / 2 for i in range(6)]


def test_scaling_and_channels_are_as_nibabel_reads_them(take: Ingest, tmp_path):
    files = {}
    for name in ("a/1.nii", "a/2.nii", "b/1.nii", "b/2.nii"):
        image = nib.Nifti1Image(voxels(len(files), 5, 4, 3, 2), RAS)
        image.header.set_slope_inter(0.5, 3)
        files[name] = image.to_bytes()
    assert take(zip_of(files), AS_GIVEN).input_shape == (2, 3, 4, 5)
    x = splits(tmp_path)["train"][0]
    np.testing.assert_allclose(x, [expected(d) for d in files.values()], rtol=1e-6)


def test_other_sizes_are_cut_or_filled_around_their_centre(take: Ingest, tmp_path):
    odd = np.full((7, 2, 3), 5, np.int16)
    odd[0, 0, 0] = -9
    manifest = take(zip_of(volumes() | {"a/x.nii": nifti(odd, np.eye(4))}), AS_GIVEN)
    told = messages(manifest)
    assert (
        "1 of 9 volumes of 2 sizes were cut or filled up around their centre to 3 × 4 × 5" in told
    )
    assert "voxels are 1 to 2 mm along D; volumes are not resampled" in told
    x = splits(tmp_path)["train"][0][4, 0]
    assert x.shape == (3, 4, 5)
    assert (x[:, 1:3] == 5).all()
    assert (x[:, [0, 3]] == -9).all()
    options = AS_GIVEN.model_copy(update={"volume_size": (2, 6, 6)})
    assert take(zip_of(volumes()), options, name="asked").input_shape == (1, 2, 6, 6)


def segmented(images: str, labels: str, num: int = 4) -> dict[str, bytes]:
    files = {}
    for i in range(num):
        mask = np.random.default_rng(i).choice([0, 1, 4], (5, 4, 3)).astype(np.uint8)
        affine = np.diag([-1.0, 1.0, 1.0, 1.0])
        files[f"{images}/case{i}.nii.gz"] = gzip.compress(nifti(voxels(i), affine))
        files[f"{labels}/case{i}.nii.gz"] = gzip.compress(nifti(mask, affine))
    return files


@pytest.mark.parametrize(
    ("images", "labels"),
    [("images", "labels"), ("Task/imagesTr", "Task/labelsTr"), ("images", "masks")],
)
def test_images_and_labels_are_a_segmentation(take: Ingest, tmp_path, images, labels):
    files = segmented(images, labels)
    manifest = take(zip_of(files), AS_GIVEN)
    assert (manifest.task, manifest.input_shape) == ("segmentation", (1, 3, 4, 5))
    assert manifest.class_names == ["background", "1", "4"]
    x, y = splits(tmp_path)["train"]
    np.testing.assert_array_equal(x, [expected(d) for n, d in files.items() if "image" in n])
    masks = np.array([expected(d)[0] for n, d in files.items() if "image" not in n])
    np.testing.assert_array_equal(y, np.searchsorted([0, 1, 4], masks))
    assert y.dtype == np.uint8
    counts = manifest.splits["train"].class_counts
    assert counts == [int((masks == v).sum()) for v in (0, 1, 4)]


def test_the_decathlon_names_classes_and_splits(take: Ingest):
    files = segmented("T/imagesTr", "T/labelsTr") | segmented("T/imagesTs", "T/labelsTs", 2)
    names = {"labels": {"0": "background", "1": "liver", "2": "spleen", "4": "tumour"}}
    files["T/dataset.json"] = json.dumps(names).encode()
    files["T/imagesTs/alone.nii"] = nifti(voxels(9))
    manifest = take(zip_of(files), AS_GIVEN)
    assert manifest.class_names == ["background", "liver", "spleen", "tumour"]
    assert {n: s.num_samples for n, s in manifest.splits.items()} == {"train": 4, "test": 2}
    told = messages(manifest)
    assert "left out 1 volume(s) without a partner: T/imagesTs/alone.nii" in told
    assert '"spleen" has no training pixels' in told


def test_modalities_of_nnunet_become_channels(take: Ingest, tmp_path):
    files = segmented("imagesTr", "labelsTr")
    for i in range(4):
        files[f"imagesTr/case{i}_0000.nii.gz"] = files.pop(f"imagesTr/case{i}.nii.gz")
        files[f"imagesTr/case{i}_0001.nii.gz"] = nifti(voxels(50 + i), np.diag([-1.0, 1, 1, 1]))
    files["dataset.json"] = json.dumps({"labels": {"background": 0, "lesion": 4}}).encode()
    manifest = take(zip_of(files), AS_GIVEN)
    assert manifest.input_shape == (2, 3, 4, 5)
    assert manifest.class_names == ["background", "1", "lesion"]
    x = splits(tmp_path)["train"][0]
    np.testing.assert_array_equal(x[1, 1:], expected(files["imagesTr/case1_0001.nii.gz"]))


def header(**fields: object) -> bytes:
    image = nib.Nifti1Image(voxels(1), RAS)
    for name, value in fields.items():
        image.header[name] = value
    raw = bytearray(nifti(voxels(1)))
    raw[:348] = image.header.binaryblock
    raw[344:348] = b"n+1\0"
    return bytes(raw)


BAD = {
    "text": (b"hello", "no NIfTI file"),
    "huge": (
        header(dim=[3, 30000, 30000, 1200, 1, 1, 1, 1]),
        "30000 × 30000 × 1200 voxels are more than the limit",
    ),
    "cut": (nifti(voxels(1))[:-3], "ends after"),
    "negative": (header(dim=[3, -5, 4, 3, 1, 1, 1, 1]), "its header claims"),
    "complex": (nifti(voxels(1).astype(np.complex64)), "voxels of type complex64"),
    "offset": (header(vox_offset=1e12), "its header claims"),
    "axes": (header(sform_code=1, srow_x=0, srow_y=0, srow_z=0), "how its axes lie"),
    "channels": (nifti(voxels(1, 5, 4, 3, 2)), "2 channel(s) instead of 1"),
}


@pytest.mark.parametrize("kind", BAD)
@pytest.mark.parametrize("gz", [False, True])
def test_bad_volumes_are_left_out_by_name(take: Ingest, kind, gz):
    data, reason = BAD[kind]
    data = gzip.compress(data) if gz else data
    manifest = take(zip_of(volumes() | {f"a/{kind}.nii": data}), AS_GIVEN)
    assert manifest.splits["train"].num_samples == 8
    assert f"a/{kind}.nii left out: " in messages(manifest)
    assert reason in messages(manifest)


def test_labels_that_fit_no_image_are_left_out_by_name(take: Ingest, refuse):
    files = segmented("images", "labels", 5)
    files["labels/case0.nii.gz"] = nifti(np.zeros((5, 4, 2), np.uint8))
    files["labels/case1.nii.gz"] = nifti(np.full((5, 4, 3), 0.5, np.float32))
    told = messages(take(zip_of(files), AS_GIVEN))
    assert "images/case0.nii.gz left out: an image of 3 × 4 × 5, but labels of 2 × 4 × 5" in told
    assert "images/case1.nii.gz left out: labels must be whole numbers" in told
    alone = {n: files[n] for n in ("images/case0.nii.gz", "labels/case0.nii.gz")}
    assert "no volume has labels that can be read" in refuse(zip_of(alone), name="alone")


def test_a_bomb_of_zeros_is_refused(refuse):
    raw = header(dim=[3, 400, 400, 400, 1, 1, 1, 1]) + bytes(40_000_000)
    limits = IngestLimits(ratio_free_bytes=1_000_000)
    files = volumes() | {"a/bomb.nii.gz": gzip.compress(raw)}
    assert "a bomb?" in refuse(zip_of(files, 0), limits=limits)


def test_arrays_of_volumes_are_taken_from_npz_too(take: Ingest, tmp_path):
    x = np.random.default_rng(0).integers(0, 256, (12, 6, 5, 4, 2), dtype=np.uint8)
    y = np.arange(12) % 2
    assert take(npz_of(x=x, y=y), AS_GIVEN).input_shape == (2, 6, 5, 4)
    np.testing.assert_array_equal(splits(tmp_path)["train"][0], np.moveaxis(x, -1, 1))
    first = np.moveaxis(x, -1, 1)[:, :, :, :, :3]
    assert take(npz_of(x=first, y=y), AS_GIVEN, name="first").input_shape == (2, 6, 5, 3)


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_a_volume_becomes_a_sample_of_the_dataset(take: Ingest, tmp_path, pack):
    files = volumes()
    manifest = take(zip_of(files), AS_GIVEN)
    data = gzip.decompress(files["a/1.nii.gz"])
    np.testing.assert_array_equal(
        decode_sample(pack(data), manifest), splits(tmp_path)["train"][0][1]
    )
    for bad in (b"hello", files["a/1.nii.gz"][:-20], pack(data[:-1])):
        with pytest.raises(UnreadableFile):
            decode_sample(bad, manifest)
    with pytest.raises(UnreadableFile, match="more than the limit of 10"):
        decode_sample(pack(data), manifest, IngestLimits(max_picture_pixels=10))
