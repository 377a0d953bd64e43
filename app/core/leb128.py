"""Whole numbers in as few bytes as they need: LEB128, unsigned. Seven bits a byte, the lowest first.

Source: DWARF 5, section 7.6, https://dwarfstd.org/dwarf5std.html
"""


def write(packed: bytearray, number: int) -> None:
    """Append a number, at least 0."""
    while number > 0x7F:
        packed.append(number & 0x7F | 0x80)
        number >>= 7
    packed.append(number)


def read(packed: bytes | bytearray, place: int) -> tuple[int, int]:
    """Return the number that starts at `place`, and the place after it. Raises IndexError when the bytes end within it."""
    number = shift = 0
    while (byte := packed[place]) > 0x7F:
        number |= (byte & 0x7F) << shift
        shift += 7
        place += 1
    return number | byte << shift, place + 1
