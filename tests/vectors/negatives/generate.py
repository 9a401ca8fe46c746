#!/usr/bin/python3
"""Makes the negative vectors in this folder, each with one reason to fail, with an independent implementation.

Ciphertexts and signatures are built with Python's integers and python3-cryptography, never with Signet. The output is
committed; this script is run by hand only when a case is added.
"""
import hashlib
import json
import os
import sys

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

HERE = os.path.dirname(os.path.abspath(__file__))


class Stream:
    """A deterministic stream of octets."""

    def __init__(self, seed):
        self.seed, self.count = seed, 0

    def take(self, size):
        out = b""
        while len(out) < size:
            out += hashlib.sha256(f"{self.seed}/{self.count}".encode()).digest()
            self.count += 1
        return out[:size]


def flip(data, bit):
    out = bytearray(data)
    out[bit // 8] ^= 1 << (bit % 8)
    return bytes(out)


def write(name, content, cases):
    content["source"] = "tests/vectors/negatives/generate.py (Python, python3-cryptography)"
    content["cases"] = [dict(id=i + 1, **case) for i, case in enumerate(cases)]
    with open(os.path.join(HERE, name), "w") as out:
        head = {key: value for key, value in content.items() if key != "cases"}
        out.write("{" + json.dumps(head)[1:-1] + ', "cases": [\n')
        out.write(",\n".join(json.dumps(case) for case in content["cases"]) + "\n]}\n")


def gcm_cases():
    stream = Stream("gcm")
    for size in (0, 1, 15, 16, 17, 31, 32, 64, 129):
        for aad_size in (0, 7, 20):
            key, nonce, aad, plain = stream.take(32), stream.take(12), stream.take(aad_size), stream.take(size)
            sealed = AESGCM(key).encrypt(nonce, plain, aad or None)
            body, tag = sealed[:-16], sealed[-16:]

            def case(comment, valid=False, **change):
                values = dict(key=key, nonce=nonce, aad=aad, plaintext=plain, ciphertext=body, tag=tag)
                values.update(change)
                return dict(comment=comment, valid=valid, **{k: v.hex() for k, v in values.items()})

            yield case("as sealed", True)
            for bit in (0, 7, 63, 64, 100, 127):
                yield case(f"tag with bit {bit} flipped", tag=flip(tag, bit))
            yield case("tag of zeros", tag=bytes(16))
            yield case("tag of ones", tag=b"\xff" * 16)
            yield case("tag inverted", tag=bytes(b ^ 0xFF for b in tag))
            yield case("another nonce", nonce=flip(nonce, 5))
            yield case("another key", key=flip(key, 255))
            yield case("more associated data", aad=aad + b"\0")
            if aad:
                yield case("associated data with a flipped bit", aad=flip(aad, 3))
                yield case("no associated data", aad=b"")
            if body:
                yield case("ciphertext with a flipped bit", ciphertext=flip(body, len(body) * 8 - 1))
                yield case("ciphertext cut by one octet", ciphertext=body[:-1])


L = 2**252 + 27742317777372353535851937790883648493


def ed25519_cases():
    stream = Stream("ed25519")
    for number, size in enumerate((0, 1, 2, 31, 64, 65, 300)):
        key = ed25519.Ed25519PrivateKey.from_private_bytes(stream.take(32))
        public = key.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
        message = stream.take(size)
        signature = key.sign(message)
        r, s = signature[:32], int.from_bytes(signature[32:], "little")

        def case(comment, valid=False, **change):
            values = dict(public=public, message=message, signature=signature)
            values.update(change)
            return dict(comment=comment, valid=valid, **{k: v.hex() for k, v in values.items()})

        def with_s(value):
            return r + (value % 2**256).to_bytes(32, "little")

        yield case("as signed", True)
        yield case("S + L", signature=with_s(s + L))
        yield case("S + 2L", signature=with_s(s + 2 * L))
        yield case("S is L", signature=with_s(L))
        yield case("S is zero", signature=with_s(0))
        yield case("S with its top bit set", signature=with_s(s | 1 << 255))
        yield case("S negated", signature=with_s(L - s))
        yield case("R is zero", signature=bytes(32) + signature[32:])
        yield case("R is the neutral element", signature=b"\x01" + bytes(31) + signature[32:])
        yield case("R is not reduced", signature=b"\xff" * 31 + b"\x7f" + signature[32:])
        yield case("all zeros", signature=bytes(64))
        yield case("all ones", signature=b"\xff" * 64)
        for bit in (0, 100, 255, 256, 400, 503):
            yield case(f"bit {bit} flipped", signature=flip(signature, bit))
        yield case("another message", message=message + b"\0")
        if message:
            yield case("message with a flipped bit", message=flip(message, 0))
        yield case("another key", public=flip(public, 9))
        yield case("cut by one octet", signature=signature[:-1])
        yield case("one octet more", signature=signature + b"\0")


def mgf1(seed, size, digest):
    out = b""
    for counter in range((size + digest().digest_size - 1) // digest().digest_size):
        out += digest(seed + counter.to_bytes(4, "big")).digest()
    return out[:size]


def xor(a, b):
    return bytes(x ^ y for x, y in zip(a, b))


def oaep(message, size, seed, label=b"", digest=hashlib.sha256, mask=hashlib.sha256, **twist):
    """EME-OAEP (RFC 8017 section 7.1.1), with a twist to break it."""
    h = digest().digest_size
    padding = bytes(size - len(message) - 2 * h - 2)
    if twist.get("padding"):
        padding = padding[:-1] + twist["padding"] if padding else padding
    lhash = twist.get("lhash", digest(label).digest())
    block = lhash + padding + twist.get("separator", b"\x01") + message
    masked = xor(block, mgf1(seed, len(block), mask))
    masked_seed = xor(seed[:h], mgf1(masked, h, mask))
    return twist.get("first", b"\x00") + masked_seed + masked


def rsa_cases(key, stream):
    numbers = key.public_key().public_numbers()
    n, e = numbers.n, numbers.e
    size = (n.bit_length() + 7) // 8

    def encrypt(block):
        return pow(int.from_bytes(block, "big"), e, n).to_bytes(size, "big")

    def case(comment, ciphertext, message=b"", valid=False, label=b""):
        return dict(comment=comment, valid=valid, label=label.hex(), plaintext=message.hex(), ciphertext=ciphertext.hex())

    for length in (0, 1, 32, 64, size - 66):
        message = stream.take(length)
        yield case(f"message of {length} octets", encrypt(oaep(message, size, stream.take(32))), message, True)
    message = stream.take(64)

    def seed():
        return stream.take(32)

    good = encrypt(oaep(message, size, seed()))
    yield case("under another label", encrypt(oaep(message, size, seed(), label=b"other")), message, True, b"other")
    yield case("SHA-1 for both", encrypt(oaep(message, size, stream.take(20), digest=hashlib.sha1, mask=hashlib.sha1)))
    yield case("SHA-1 for the mask", encrypt(oaep(message, size, seed(), mask=hashlib.sha1)))
    yield case("SHA-512 for both", encrypt(oaep(stream.take(32), size, stream.take(64), digest=hashlib.sha512, mask=hashlib.sha512)))
    yield case("first octet not zero", encrypt(oaep(message, size, seed(), first=b"\x01")))
    yield case("separator 0", encrypt(oaep(message, size, seed(), separator=b"\x00")))
    yield case("separator 2", encrypt(oaep(message, size, seed(), separator=b"\x02")))
    yield case("padding not zero", encrypt(oaep(message, size, seed(), padding=b"\x02")))
    yield case("label hash of zeros", encrypt(oaep(message, size, seed(), lhash=bytes(32))))
    yield case("label hash with a flipped bit", encrypt(oaep(message, size, seed(), lhash=flip(hashlib.sha256(b"").digest(), 255))))
    yield case("PKCS#1 v1.5", encrypt(b"\x00\x02" + b"\x55" * (size - 3 - len(message)) + b"\x00" + message))
    yield case("no padding at all", encrypt(bytes(size - len(message)) + message))
    yield case("zero", bytes(size))
    yield case("one", (1).to_bytes(size, "big"))
    yield case("n - 1", (n - 1).to_bytes(size, "big"))
    yield case("n", n.to_bytes(size, "big"))
    if int.from_bytes(good, "big") + n < 2 ** (8 * size):
        yield case("the message plus n", (int.from_bytes(good, "big") + n).to_bytes(size, "big"))
    yield case("cut by one octet", good[:-1])
    yield case("one octet more", good + b"\0")
    yield case("a zero octet before", b"\0" + good)
    yield case("empty", b"")
    for bit in (9, 500, size * 8 - 1):
        yield case(f"bit {bit} flipped", flip(good, bit))


def oaep_cases(stream):
    """What a token's bare RSA operation gives: encoded messages before their padding is removed."""
    def case(comment, encoded, size, message=b"", valid=False):
        return dict(comment=comment, valid=valid, modulus_size=size, plaintext=message.hex(), encoded=encoded.hex())

    for size in (256, 384, 512):
        for length in (0, 1, 32, 64, size - 66):
            message = stream.take(length)
            yield case(f"message of {length} octets", oaep(message, size, stream.take(32)), size, message, True)
    size, message = 256, stream.take(64)
    good = oaep(message, size, stream.take(32))
    yield case("without its leading zero", good[1:], size, message, True)
    yield case("under another label", oaep(message, size, stream.take(32), label=b"other"), size)
    yield case("SHA-1 for the mask", oaep(message, size, stream.take(32), mask=hashlib.sha1), size)
    yield case("SHA-1 for both", oaep(message, size, stream.take(20), digest=hashlib.sha1, mask=hashlib.sha1), size)
    yield case("first octet not zero", oaep(message, size, stream.take(32), first=b"\x01"), size)
    yield case("separator 0", oaep(message, size, stream.take(32), separator=b"\x00"), size)
    yield case("separator 2", oaep(message, size, stream.take(32), separator=b"\x02"), size)
    yield case("padding not zero", oaep(message, size, stream.take(32), padding=b"\x02"), size)
    yield case("label hash of zeros", oaep(message, size, stream.take(32), lhash=bytes(32)), size)
    yield case("PKCS#1 v1.5", b"\x00\x02" + b"\x55" * (size - 3 - len(message)) + b"\x00" + message, size)
    yield case("zeros", bytes(size), size)
    yield case("empty", b"", size)
    yield case("one octet more than the modulus has", good + b"\0", size)
    yield case("a zero octet before", b"\0" + good, size)
    yield case("cut by one octet", good[:-1], size)
    yield case("of a larger modulus", good, 384)
    yield case("of a modulus too small for any message", good[:65], 65)


def main():
    write("aes_256_gcm.json", {}, gcm_cases())
    write("ed25519.json", {}, ed25519_cases())
    write("oaep_blocks.json", {}, oaep_cases(Stream("oaep")))
    for bits in (2048, 3072, 4096):
        name = f"rsa_oaep_{bits}.json"
        path = os.path.join(HERE, name)
        if os.path.exists(path):  # keys are kept: they cannot be made deterministically here
            with open(path) as old:
                key = serialization.load_der_private_key(bytes.fromhex(json.load(old)["private_key_pkcs8"]), None)
        else:
            key = rsa.generate_private_key(65537, bits)
        der = key.private_bytes(serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        write(name, dict(bits=bits, private_key_pkcs8=der.hex()), rsa_cases(key, Stream(f"rsa{bits}")))
    return 0


if __name__ == "__main__":
    sys.exit(main())
