"""The bounds of the language. They hold for each expression by itself, save the last."""

MAX_LENGTH = 2000  # characters
MAX_DEPTH = 40  # of parentheses, calls and operators within each other
MAX_NODES = 400
MAX_DIGITS = 30  # of one number as it is written
MAX_CONSTANT = 1e30
MAX_EXPONENT = 64  # of a constant power
MAX_RANK = 8
MAX_ITEMS = 1000  # of a list that an argument holds
MAX_AXIS = 2**31 - 1
MAX_VALUES = 2**28  # of one tensor, a sample's where it has a batch axis
MAX_TOTAL_VALUES = 2**30  # of all tensors that an expression makes
MAX_WINDOW_VALUES = 2**36  # that the windows of one pooling read
MAX_FLOPS = 10**14
MAX_PARTS = 200_000  # of the expressions of all layers of a model; reading them takes about 1 s
FLOAT_BYTES, HALF_BYTES = 4, 2  # of a value
