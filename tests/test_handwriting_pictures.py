import base64
import io
import struct
import sys
import zlib

import numpy as np
import pillow_heif
import pytest
from PIL import Image, JpegImagePlugin

from mnist_tutorial.handwriting import digit_from_image
from mnist_tutorial.handwriting.pictures import PictureError, read_grey

PAGE = np.full((240, 320), 230, np.uint8)
PAGE[60:180, 150:170] = 20


def save(path, picture, **options):
    picture.save(path, **options)
    return path


def assert_page(image):
    grey, _, size = read_grey(image)
    assert size == (320, 240)
    assert grey.shape == (240, 320)
    assert grey.dtype == np.float32
    # JPEG overshoots at edges, and the lightest level becomes 1.
    np.testing.assert_allclose(grey / np.median(grey), PAGE / 230, atol=0.08)


@pytest.mark.parametrize(
    "mode", ["L", "RGB", "RGBA", "LA", "P", "CMYK", "I", "F", "I;16"]
)
def test_modes_of_pillow(mode):
    picture = Image.fromarray(PAGE)
    if mode == "I;16":
        picture = Image.fromarray(PAGE.astype(np.uint16) * 257)
    else:
        picture = picture.convert(mode)
    assert picture.mode == mode
    assert_page(picture)


@pytest.mark.parametrize(
    "array",
    [
        PAGE.astype(np.uint16) * 257,
        PAGE.astype(np.int64),
        PAGE / 255,
        (PAGE / 255).astype(np.float16),
        PAGE[..., None],
        np.stack([PAGE] * 3, axis=-1),
        np.dstack([PAGE, PAGE, PAGE, np.full_like(PAGE, 255)]) / 255,
    ],
    ids=["uint16", "int64", "float", "float16", "channel", "RGB", "RGBA"],
)
def test_types_of_array(array):
    assert_page(array)


def test_bool_and_negative_values():
    grey, *_ = read_grey(PAGE > 100)
    assert set(np.unique(grey)) == {0, 1}
    grey, *_ = read_grey(PAGE.astype(float) - 1000)
    assert grey.min() == 0
    assert grey.max() == 1


@pytest.mark.parametrize("ink", [0, 255])
def test_ink_on_transparent_ground_shows(ink):
    drawing = np.zeros((240, 320, 4), np.uint8)
    drawing[60:180, 150:170] = [ink, ink, ink, 255]
    digit = digit_from_image(drawing)
    assert digit.sum() > 15_000


@pytest.mark.parametrize("suffix", ["png", "jpg", "webp", "gif", "bmp", "tiff"])
def test_formats_of_file(tmp_path, suffix):
    path = save(tmp_path / f"page.{suffix}", Image.fromarray(PAGE))
    assert_page(path)
    assert_page(str(path))


def test_16_bit_png(tmp_path):
    sixteen = Image.fromarray(PAGE.astype(np.uint16) * 257)
    assert_page(save(tmp_path / "page.png", sixteen))


def test_photo_is_turned_upright(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was held sideways
    lying = Image.fromarray(np.rot90(PAGE))
    assert_page(save(tmp_path / "page.png", lying, exif=exif))


def test_picture_is_left_as_it_was(tmp_path):
    with Image.open(save(tmp_path / "page.jpg", Image.fromarray(PAGE))) as picture:
        read_grey(picture)
        assert picture.size == (320, 240)
    array = PAGE.astype(np.float32) - 100
    before = array.copy()
    read_grey(array)
    np.testing.assert_array_equal(array, before)


def test_large_jpeg_is_decoded_small(tmp_path, monkeypatch):
    path = save(tmp_path / "photo.jpg", Image.new("RGB", (4000, 3000), "white"))
    decoded = []
    load = JpegImagePlugin.JpegImageFile.load

    def note(picture):
        decoded.append(picture.size)
        return load(picture)

    monkeypatch.setattr(JpegImagePlugin.JpegImageFile, "load", note)
    grey, _, size = read_grey(path)
    assert set(decoded) == {(1000, 750)}
    assert grey.shape == (600, 800)
    assert size == (4000, 3000)


def test_tiny_picture_is_enlarged():
    grey, _, size = read_grey(np.eye(8))
    assert grey.shape == (112, 112)
    assert size == (8, 8)


# --- what cannot be read -------------------------------------------------------


def bomb(path):
    """Write a PNG of a few bytes that claims 30,000 × 30,000 pixels."""

    def chunk(name, data):
        crc = struct.pack(">I", zlib.crc32(name + data))
        return struct.pack(">I", len(data)) + name + data + crc

    header = struct.pack(">IIBBBBB", 30_000, 30_000, 8, 0, 0, 0, 0)
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(bytes(1000)))
        + chunk(b"IEND", b"")
    )
    return path


def refusal(image):
    with pytest.raises(PictureError) as caught:
        read_grey(image)
    assert caught.value.__suppress_context__ or caught.value.__context__ is None
    return str(caught.value)


def test_decompression_bomb(tmp_path):
    assert "too large to be read" in refusal(bomb(tmp_path / "bomb.png"))


def test_too_many_pixels(tmp_path):
    path = save(tmp_path / "wide.png", Image.new("1", (10_000, 6_000)))
    assert "has 10,000 × 6,000 pixels" in refusal(path)
    assert "has 10,000 × 6,000 pixels" in refusal(Image.open(path))
    assert "pixels" in refusal(np.broadcast_to(np.uint8(0), (10**5, 10**6)))


def test_truncated_file(tmp_path):
    for suffix in ("png", "jpg"):
        path = save(tmp_path / f"page.{suffix}", Image.fromarray(PAGE))
        path.write_bytes(path.read_bytes()[:-100])
        said = refusal(path)
        assert said.startswith(f"{path} cannot be decoded")
        assert "cut off" in said


def test_a_file_that_the_system_keeps_closed_is_not_called_damaged(
    tmp_path, monkeypatch
):
    path = save(tmp_path / "page.png", Image.fromarray(PAGE))

    def keep_closed(*given, **options):
        raise PermissionError(1, "Operation not permitted", str(path))

    monkeypatch.setattr(Image, "open", keep_closed)
    said = refusal(path)
    assert said.startswith(f"{path} cannot be opened (Operation not permitted): ")
    assert "damaged" not in said


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp"])
def test_a_camera_s_note_without_sense_changes_nothing(tmp_path, suffix):
    path = tmp_path / f"page.{suffix}"
    picture = Image.fromarray(PAGE).convert("RGB")
    picture.save(path, dpi=(72, 72), exif=b"Exif\0\0no header")
    assert_page(path)


def test_animated_file(tmp_path):
    frames = [Image.new("L", (20, 20), level) for level in (0, 100)]
    path = tmp_path / "moving.gif"
    frames[0].save(path, save_all=True, append_images=frames[1:])
    assert "is animated or has several pages" in refusal(path)
    assert "is animated or has several pages" in refusal(Image.open(path))


@pytest.mark.parametrize(
    "content", [b"", b"<html>log in</html>", b"%!PS-Adobe-3.0 EPSF-3.0\n"]
)
def test_file_that_is_no_picture(tmp_path, content):
    path = tmp_path / "page.png"
    path.write_bytes(content)
    assert "is no picture that can be read" in refusal(path)


def test_path_that_is_no_file(tmp_path):
    assert "is no file" in refusal(tmp_path / "none.png")
    assert "is no file" in refusal(tmp_path)
    assert "is no file" in refusal("a\0b")


@pytest.mark.parametrize(
    ("array", "words"),
    [
        (np.full((9, 9), np.nan), "NaN"),
        (np.full((9, 9), np.inf), "NaN or infinite"),
        (np.zeros((3, 28, 28)), "images[0]"),
        (np.zeros((28, 28, 2)), "shape (28, 28, 2)"),
        (np.zeros((0, 28)), "shape (0, 28)"),
        (np.zeros((9, 9), complex), "complex128"),
        (np.array([["a"]]), "numbers"),
        (None, "numbers"),
    ],
)
def test_array_that_is_no_picture(array, words):
    assert words in refusal(array)


# --- what an upload, a stream or a slip of the keyboard hands over ----------------


def png():
    stream = io.BytesIO()
    Image.fromarray(PAGE).save(stream, format="PNG")
    return stream  # at its end, as after writing


class OneWay(io.RawIOBase):
    """A stream that cannot go back, as one from the network."""

    def __init__(self, content):
        self.content = io.BytesIO(content)

    def readable(self):
        return True

    def readinto(self, buffer):
        return self.content.readinto(buffer)


HANDED_OVER = {
    "bytes": lambda: png().getvalue(),
    "bytearray": lambda: bytearray(png().getvalue()),
    "memoryview": lambda: memoryview(png().getvalue()),
    "a stream at its end": png,
    "a stream that cannot go back": lambda: OneWay(png().getvalue()),
    "what a canvas gives": lambda: (
        f"data:image/png;base64,{base64.b64encode(png().getvalue()).decode()}"
    ),
    "an upload": lambda: ({"name": "p.png", "content": memoryview(png().getvalue())},),
    "one file of an upload": lambda: {"name": "p.png", "content": png().getvalue()},
}


@pytest.mark.parametrize("kind", HANDED_OVER)
def test_a_picture_comes_in_any_wrapping(kind):
    assert_page(HANDED_OVER[kind]())


def test_an_open_file_is_read(tmp_path):
    path = save(tmp_path / "p.png", Image.fromarray(PAGE))
    with open(path, "rb") as stream:
        assert_page(stream)
    with (
        open(path, encoding="utf-8") as text,
        pytest.raises(PictureError, match="'rb'"),
    ):
        read_grey(text)


@pytest.mark.parametrize(
    ("image", "words"),
    [
        ("https://example.org/seven.png", "is an address.*download"),
        (np.zeros(784), r"flat, of shape \(784,\).*reshape\(28, 28\)"),
        (({"content": b""}, {"content": b""}), r"2 files.*\[0\]"),
        (np.zeros((1, 784)), r"flat, of shape \(1, 784\).*reshape\(28, 28\)"),
        (np.zeros(785), r"ravel\(\)\[1:\]\.reshape\(28, 28\), without the label"),
        (np.full(80 * 80 * 4, 255), r"of four channels, image\.reshape\(80, 80, 4\)"),
        ((), "is empty: an upload holds its file once one is chosen"),
        ({}, "is empty: an upload holds its file once one is chosen"),
        ({"name": "p.png"}, "is a dict, where numbers are needed: take the part"),
        ((127.0, np.zeros((9, 9))), "is a tuple.*take the part"),
        (None, "is a NoneType.*whether its file was found"),
        ("x" * 5000, "^The picture is no file: check the spelling"),
        ("data:image/png;base64,bm8=", "is no picture that can be read"),
        (b"", "no picture that can be read"),
        (b"no picture", "no picture that can be read"),
        (io.StringIO("text"), "'rb'"),
    ],
)
def test_what_is_no_picture_gets_a_way_out(image, words):
    with pytest.raises(PictureError, match=words) as raised:
        digit_from_image(image)
    assert len(str(raised.value)) < 250


def test_a_picture_of_pillow_that_is_closed_is_called_so():
    with Image.open(png()) as picture:
        pass
    assert "is closed: use it inside its with" in refusal(picture)


def test_a_photo_as_an_iphone_takes_it_is_read(tmp_path):
    path = tmp_path / "IMG_0001.HEIC"
    # Upright only after a quarter of a turn, as the file says.
    exif = Image.Exif()
    exif[0x0112] = 6
    heif = pillow_heif.from_pillow(Image.fromarray(PAGE).rotate(90, expand=True))
    heif.save(path, quality=-1, exif=exif.tobytes())
    assert_page(path)
    assert_page(path.read_bytes())


def test_a_heic_that_its_package_cannot_decode_gets_a_sentence(tmp_path, monkeypatch):
    path = tmp_path / "IMG_0001.HEIC"
    pillow_heif.from_pillow(Image.fromarray(PAGE)).save(path)

    def fail(image):
        raise RuntimeError("Error while loading plugin")

    monkeypatch.setattr(pillow_heif.heif.HeifImage, "data", property(fail))
    assert "cannot be decoded (Error while loading plugin)" in refusal(path)


def test_without_its_package_heic_is_told_the_way_out(tmp_path, monkeypatch):
    path = tmp_path / "IMG_0001.HEIC"
    pillow_heif.from_pillow(Image.fromarray(PAGE)).save(path)
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    with pytest.raises(PictureError, match="export it as JPEG, or pip install"):
        read_grey(path)


@pytest.mark.parametrize("colour", [33, 123, 250])
def test_one_colour_in_many_degrees_of_transparency_is_no_ink(colour):
    image = np.full((300, 300, 4), colour, np.uint8)
    image[..., 3] = np.random.default_rng(0).integers(100, 256, (300, 300))
    with pytest.raises(PictureError, match="shows no ink"):
        digit_from_image(image)


def test_a_jpeg_of_hardly_any_height_is_not_called_damaged():
    file = io.BytesIO()
    Image.new("L", (4000, 4), 200).save(file, "JPEG")
    with pytest.raises(PictureError, match="shows no ink"):
        digit_from_image(file.getvalue())
