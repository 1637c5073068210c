"""The few data types of MQTT that whoever speaks it by hand needs."""

import struct


def variable(number):
    """A Variable Byte Integer."""
    out = bytearray()
    while True:
        number, digit = divmod(number, 128)
        out.append(digit | (0x80 if number else 0))
        if not number:
            return bytes(out)


def binary(data):
    return struct.pack(">H", len(data)) + data


def text(words):
    return binary(words.encode())


def packet(first_byte, *parts):
    body = b"".join(parts)
    return bytes([first_byte]) + variable(len(body)) + body
