"""Turn somebody's own handwriting, drawn or photographed, into digits like MNIST's."""

from mnist_tutorial.handwriting.digits import digit_from_image, digits_from_image
from mnist_tutorial.handwriting.pad import DrawingPad
from mnist_tutorial.handwriting.pictures import PictureError
