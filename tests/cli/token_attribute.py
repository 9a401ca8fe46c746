"""Sets an attribute of keys on a token, which pkcs11-tool cannot: MODULE TOKEN PIN LABEL ATTRIBUTE HEX. Dates are set on
both halves.

A process of its own, so that it has its own SOFTHSM2_CONF. Plain Cryptoki, by ctypes.
"""

import ctypes
import sys

CKA_CLASS, CKA_LABEL, CKO_PUBLIC_KEY, CKO_PRIVATE_KEY = 0x0, 0x3, 2, 3
ATTRIBUTES = {"CKA_DECRYPT": 0x105, "CKA_START_DATE": 0x110, "CKA_END_DATE": 0x111}
Number = ctypes.c_ulong


class Attribute(ctypes.Structure):
    _fields_ = [("type", Number), ("value", ctypes.c_char_p), ("size", Number)]


class Token:
    def __init__(self, module, label, pin):
        self.module = ctypes.CDLL(module)
        self.call("C_Initialize", None)
        self.session = Number()
        self.call("C_OpenSession", self.slot(label), Number(6), None, None, ctypes.byref(self.session))
        self.call("C_Login", self.session, Number(1), pin.encode(), Number(len(pin)))

    def call(self, name, *arguments):
        result = getattr(self.module, name)(*arguments)
        if result != 0:
            raise SystemExit(f"{name}: {result:#x}")

    def slot(self, label):
        count = Number(16)
        slots = (Number * 16)()
        self.call("C_GetSlotList", ctypes.c_ubyte(1), slots, ctypes.byref(count))
        for slot in slots[:count.value]:
            info = ctypes.create_string_buffer(512)
            self.call("C_GetTokenInfo", Number(slot), info)
            if info.raw[:32].decode().rstrip() == label:
                return Number(slot)
        raise SystemExit(f"no token {label}")

    def keys(self, label, kind):
        kind = bytes(Number(kind))
        wanted = (Attribute * 2)(Attribute(CKA_CLASS, kind, len(kind)), Attribute(CKA_LABEL, label.encode(), len(label)))
        self.call("C_FindObjectsInit", self.session, wanted, Number(2))
        found, count = (Number * 16)(), Number()
        self.call("C_FindObjects", self.session, found, Number(16), ctypes.byref(count))
        self.call("C_FindObjectsFinal", self.session)
        return found[:count.value]

    def set(self, key, attribute, value):
        change = (Attribute * 1)(Attribute(attribute, value, len(value)))
        self.call("C_SetAttributeValue", self.session, Number(key), change, Number(1))


if __name__ == "__main__":
    module, label, pin, name, attribute, value = sys.argv[1:]
    token = Token(module, label, pin)
    for kind in (CKO_PRIVATE_KEY,) if attribute == "CKA_DECRYPT" else (CKO_PRIVATE_KEY, CKO_PUBLIC_KEY):
        for key in token.keys(name, kind):
            token.set(key, ATTRIBUTES[attribute], bytes.fromhex(value))
    token.call("C_Finalize", None)
