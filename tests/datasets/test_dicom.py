"""DICOM files of pydicom's own collection, and made ones, against pydicom's decoding."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pydicom
import pydicom.data
import pytest
from pydicom.encaps import encapsulate
from pydicom.pixels import apply_modality_lut, apply_windowing, pixel_array

from trainyard.datasets import (
    DatasetOptions,
    IngestLimits,
    SplitOptions,
    UnreadableFile,
    decode_sample,
    open_dataset,
)
from trainyard.datasets.dicom import read_dicom
from trainyard.datasets.manifest import GreyWindow

from .conftest import Ingest, messages, picture, random_pictures, zip_of

FOLDER = Path(pydicom.data.__file__).parent / "test_files"
AS_GIVEN = DatasetOptions(split=SplitOptions(val=0, test=0))
LIMITS = IngestLimits()


def dicom(pixels: np.ndarray, **elements: Any) -> bytes:
    """A CT picture as pydicom writes it: (H, W), or (frames, H, W), of 16 bits."""
    dataset = pydicom.Dataset()
    dataset.file_meta = pydicom.dataset.FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
    dataset.SOPClassUID = pydicom.uid.CTImageStorage
    dataset.SOPInstanceUID = pydicom.uid.generate_uid(entropy_srcs=["test"])
    dataset.PhotometricInterpretation = "MONOCHROME2"
    dataset.SamplesPerPixel, dataset.PixelRepresentation = 1, int(pixels.dtype.kind == "i")
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 16, 16, 15
    dataset.Rows, dataset.Columns = pixels.shape[-2:]
    if pixels.ndim == 3:
        dataset.NumberOfFrames = len(pixels)
    dataset.PixelData = pixels.astype(pixels.dtype.newbyteorder("<")).tobytes()
    for name, value in elements.items():
        setattr(dataset, name, value)
    buffer = io.BytesIO()
    dataset.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


def scan(seed: int, **elements: Any) -> bytes:
    pixels = np.random.default_rng(seed).integers(0, 4096, (6, 5)).astype(np.uint16)
    return dicom(pixels, **elements)


def scans(num: int = 6, **elements: Any) -> dict[str, bytes]:
    return {
        f"{c}/{i}.dcm": scan(i * 7 + ord(c), PatientID=f"{c}{i // 2}", **elements)
        for c in "ab"
        for i in range(num)
    }


def opened(data: bytes) -> pydicom.Dataset:
    return pydicom.dcmread(io.BytesIO(data))


def test_class_folders_become_hounsfield_units(take: Ingest, tmp_path):
    files = scans(RescaleSlope=2, RescaleIntercept=-1024)
    manifest = take(zip_of(files), AS_GIVEN)
    assert (manifest.format, manifest.dtype, manifest.class_names) == (
        "dicom",
        "float32",
        ["a", "b"],
    )
    x, y = open_dataset(tmp_path / "store" / "out").splits["train"]
    expected = [opened(d).pixel_array * 2.0 - 1024 for d in files.values()]
    np.testing.assert_array_equal(x[:, 0], expected)
    np.testing.assert_array_equal(y, np.repeat([0, 1], 6))


@pytest.mark.parametrize(
    "name",
    ["CT_small", "MR_small_implicit", "MR_small_bigendian", "MR_small_RLE", "JPEG2000",
     "MR_small_jp2klossless", "MR_small_jpeg_ls_lossless", "JPEGLSNearLossless_08", "693_J2KI",
     "rtdose_1frame", "examples_overlay"],
)  # fmt: skip
def test_real_grey_files_are_read_as_pydicom_does(name):
    data = (FOLDER / f"{name}.dcm").read_bytes()
    expected = apply_modality_lut(pixel_array(opened(data)), opened(data)).astype(np.float32)
    np.testing.assert_array_equal(read_dicom(data, LIMITS, channels=1)[0], expected)


@pytest.mark.parametrize(
    "name", ["SC_rgb_jpeg", "SC_rgb_rle_2frame", "SC_rgb_dcmtk_+eb+cy+np", "examples_ybr_color",
             "SC_rgb_gdcm_KY", "SC_ybr_full_422_uncompressed", "SC_rgb_jls_lossy_line"],
)  # fmt: skip
@pytest.mark.filterwarnings("ignore")
def test_real_colours_are_read_as_pydicom_does(name):
    data = (FOLDER / f"{name}.dcm").read_bytes()
    expected = np.moveaxis(pixel_array(opened(data), index=0), -1, 0)
    np.testing.assert_array_equal(read_dicom(data, LIMITS, channels=3), expected)


@pytest.mark.parametrize("syntax", [pydicom.uid.JPEGLossless, pydicom.uid.JPEGLosslessSV1])
@pytest.mark.parametrize(("bits", "signed"), [(8, 0), (12, 0), (16, 0), (12, 1), (16, 1)])
def test_jpeg_lossless_is_read_as_it_was_stored(syntax, bits, signed):
    generator = np.random.default_rng(bits)
    stored = generator.integers(0, 2**bits, (9, 7)).astype(np.uint8 if bits == 8 else np.uint16)
    expected = stored.astype(np.int64)
    if signed:
        expected[expected >= 2 ** (bits - 1)] -= 2**bits
    dataset = opened(dicom(np.zeros((9, 7), np.uint16)))
    dataset.file_meta.TransferSyntaxUID = syntax
    dataset.BitsAllocated = 16 if bits > 8 else 8
    dataset.BitsStored, dataset.HighBit = bits, bits - 1
    dataset.PixelRepresentation = signed
    code = imagecodecs.jpeg8_encode(stored, lossless=True, bitspersample=bits, predictor=1)
    dataset.PixelData = encapsulate([code])
    dataset["PixelData"].is_undefined_length = True
    buffer = io.BytesIO()
    dataset.save_as(buffer, enforce_file_format=True)
    np.testing.assert_array_equal(read_dicom(buffer.getvalue(), LIMITS, channels=1)[0], expected)


def test_jpeg_lossless_of_colours_is_read():
    """GDCM's picture of coloured bands, against its twin in JPEG baseline by dcmtk."""
    found = read_dicom((FOLDER / "SC_rgb_jpeg_gdcm.dcm").read_bytes(), LIMITS, channels=3)
    twin = read_dicom((FOLDER / "SC_rgb_jpeg_dcmtk.dcm").read_bytes(), LIMITS, channels=3)
    assert found[:, 5, 5].tolist() == [255, 0, 0]
    np.testing.assert_allclose(found, twin, atol=6)  # which is lossy


def test_slices_of_a_series_are_samples_and_it_is_said(take: Ingest):
    files = {
        f"{c}/{s}/{i}.dcm": scan(i + 10 * s, SeriesInstanceUID=f"1.2.{ord(c)}.{s}")
        for c in "ab" for s in range(2) for i in range(3)
    }  # fmt: skip
    told = messages(take(zip_of(files), AS_GIVEN))
    assert "12 of 12 files are of 4 series of several files each: every slice became a" in told


def test_a_window_is_applied_as_pydicom_does():
    data = scan(0, RescaleSlope=1, RescaleIntercept=-1024, WindowCenter=300, WindowWidth=1500)
    dataset = opened(data)
    shown = apply_windowing(apply_modality_lut(dataset.pixel_array, dataset), dataset)
    low, high = -1024, 65535 - 1024  # pydicom's output range is that of the stored bits
    expected = (shown - low) * 255 / (high - low)
    x = read_dicom(data, LIMITS, channels=1, window=GreyWindow(center=300, width=1500))
    np.testing.assert_allclose(x[0], expected, atol=1e-3)
    assert x.min() == 0
    assert x.max() == 255


def test_small_values_are_bright_in_monochrome1():
    pixels = np.array([[0, 1000], [65535, 4]], np.uint16)
    data = dicom(pixels, PhotometricInterpretation="MONOCHROME1")
    assert read_dicom(data, LIMITS, channels=1)[0].tolist() == [[65535, 64535], [0, 65531]]
    signed = dicom(pixels.astype(np.int16), PhotometricInterpretation="MONOCHROME1")
    assert read_dicom(signed, LIMITS, channels=1)[0].tolist() == [[-1, -1001], [0, -5]]
    window = GreyWindow(center=500, width=1000)
    shown = read_dicom(data, LIMITS, channels=1, window=window)[0]
    assert shown[0, 0] == 255
    assert shown[1, 0] == 0


def test_patients_are_groups_over_all_splits(tmp_path):
    from trainyard.datasets.decoder import PictureDecoder
    from trainyard.datasets.format import Upload
    from trainyard.datasets.formats import dicom as format_dicom
    from trainyard.datasets.report import Report
    from trainyard.datasets.zip_archive import ZipArchive

    files = {f"train/{k}": v for k, v in scans().items()}
    files |= {"test/a/0.dcm": scan(77, PatientID="b1"), "test/b/0.dcm": scan(78)}
    (tmp_path / "upload.zip").write_bytes(zip_of(files))
    report = Report()
    archive = ZipArchive(tmp_path / "upload.zip", LIMITS, report)
    decoder = PictureDecoder(LIMITS)
    upload = Upload("x", archive, AS_GIVEN, LIMITS, report, tmp_path, decoder)
    contents = format_dicom.inspect(upload)
    archive.close()
    train, test = contents.parts
    assert train.groups.tolist() == [2, 2, 3, 3, 4, 4, 5, 5, 0, 0, 6, 6]
    assert test.groups.tolist() == [0, 1]
    assert "1 of 14 files have no PatientID" in report.problems()[0].message


def test_missing_splits_are_made_by_patient(take: Ingest):
    manifest = take(zip_of(scans()))
    assert manifest.split_options.by == "group"
    stratified = DatasetOptions(split=SplitOptions(by="stratified"))
    assert take(zip_of(scans()), stratified, name="asked").split_options.by == "stratified"


def test_a_sheet_says_what_the_files_are(take: Ingest, tmp_path):
    """As RSNA's: names without suffix; patients are told by the files."""
    files = {f"images/{i}.dcm": scan(i, PatientID=f"p{i // 2}") for i in range(8)}
    rows = [f"{i},{'ill' if i % 3 else 'well'},{i / 4}" for i in range(8)]
    text = "\n".join(["patientId,Target,size", *rows]).encode()
    manifest = take(zip_of(files | {"labels.csv": text}), AS_GIVEN)
    assert (manifest.format, manifest.class_names) == ("dicom", ["ill", "well"])
    x, y = open_dataset(tmp_path / "store" / "out").splits["train"]
    np.testing.assert_array_equal(x[5, 0], opened(files["images/5.dcm"]).pixel_array)
    assert y.tolist() == [int(i % 3 == 0) for i in range(8)]
    size = DatasetOptions(target="size", task="regression")
    manifest = take(zip_of(files | {"labels.csv": text}), size, name="b")
    assert (manifest.task, manifest.outputs) == ("regression", ["size"])
    assert "(group, seed 0)" in messages(manifest)


def test_several_frames_and_sizes_are_said(take: Ingest, tmp_path):
    frames = np.arange(60, dtype=np.uint16).reshape(2, 6, 5)
    large = np.full((12, 10), 9, np.uint16)
    files = scans() | {"a/x.dcm": dicom(frames), "a/y.dcm": dicom(large)}
    told = messages(take(zip_of(files), AS_GIVEN))
    assert "1 of 14 files have several frames, of which the first was taken" in told
    assert "1 of 14 pictures of 2 sizes were resized to 6 × 5" in told
    x = open_dataset(tmp_path / "store" / "out").splits["train"][0]
    np.testing.assert_array_equal(x[6, 0], frames[0])
    assert (x[7] == 9).all()


def test_grey_and_colours_are_not_mixed(refuse):
    colours = (FOLDER / "SC_rgb_small_odd.dcm").read_bytes()
    assert "12 grey files and 1 in colours" in refuse(zip_of(scans() | {"a/c.dcm": colours}))
    window = DatasetOptions(grey_window=GreyWindow(center=1, width=2))
    files = {f"{c}/{i}.dcm": colours for c in "ab" for i in range(3)}
    assert "these have colours" in refuse(zip_of(files), window)


def test_deep_pictures_take_a_window_too(take: Ingest, refuse, tmp_path):
    deep = np.random.default_rng(0).integers(0, 65536, (24, 6, 5)).astype(np.uint16)
    files = {f"{'ab'[i // 12]}/{i:02}.png": picture(p) for i, p in enumerate(deep)}
    window = GreyWindow(center=30000, width=20000)
    options = AS_GIVEN.model_copy(update={"grey_window": window})
    assert take(zip_of(files), options).grey_window == window
    x = open_dataset(tmp_path / "store" / "out").splits["train"][0]
    expected = np.clip((deep - 29999.5) / 19999 + 0.5, 0, 1) * 255
    np.testing.assert_allclose(x[:, 0], expected, atol=1e-3)
    flat = {f"{c}/{i}.png": picture(random_pictures(1, 4, 4)[0]) for c in "ab" for i in range(3)}
    assert "all are 16-bit grey" in refuse(zip_of(flat), options, name="flat")


def test_a_file_of_the_wrong_channels_is_no_sample():
    with pytest.raises(UnreadableFile, match="1 channel"):
        read_dicom(scan(0), LIMITS, channels=3)


def test_a_file_becomes_a_sample_of_the_dataset(take: Ingest, tmp_path):
    files, window = scans(), GreyWindow(center=2000, width=4000)
    manifest = take(zip_of(files), AS_GIVEN.model_copy(update={"grey_window": window}))
    x = open_dataset(tmp_path / "store" / "out").splits["train"][0]
    np.testing.assert_array_equal(decode_sample(files["b/3.dcm"], manifest), x[9])
    with pytest.raises(UnreadableFile, match="no DICOM file"):
        decode_sample(picture(random_pictures(1, 6, 5)[0]), manifest)


def test_a_deep_picture_becomes_a_sample_with_its_window(take: Ingest, tmp_path):
    deep = np.random.default_rng(0).integers(0, 65536, (24, 6, 5)).astype(np.uint16)
    files = {f"{'ab'[i // 12]}/{i:02}.png": picture(p) for i, p in enumerate(deep)}
    window = GreyWindow(center=30000, width=20000)
    manifest = take(zip_of(files), AS_GIVEN.model_copy(update={"grey_window": window}))
    x = open_dataset(tmp_path / "store" / "out").splits["train"][0]
    np.testing.assert_array_equal(decode_sample(files["a/03.png"], manifest), x[3])
