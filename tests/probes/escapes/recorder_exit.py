# class: recorder
# attack: end without the recorder's own end: the bare exit call, with output written right before it
# success: that output is lost from the record (the judge would then see no line of ours)
import ctypes
import os

os.write(1, b"held: written right before the end\n")
ctypes.CDLL(None)._exit(0)
