# class: secrets
# attack: look for secrets in our own environment, in the auxiliary vector, and in the first bytes of the stack
# success: a variable is there that the sandbox did not name itself
# layers: mount-namespace
import os

allowed = {
    "COLUMNS", "HOME", "LANG", "LC_ALL", "LINES", "LOGNAME", "PATH", "PYTHONHASHSEED", "TERM", "TMPDIR", "TZ", "USER", "PWD",
    "OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_CORETYPE", "NUMEXPR_NUM_THREADS", "LD_PRELOAD",
}  # fmt: skip
foreign = {name for name in os.environ if name not in allowed and "THREADS" not in name}
raw = open("/proc/self/environ", "rb").read().split(b"\0")
foreign |= {os.fsdecode(word.partition(b"=")[0]) for word in raw if word} - allowed - {"OS2_NET"}
foreign = {name for name in foreign if "THREADS" not in name}
print("escaped:" if foreign else "held: nothing but what every run has", *sorted(foreign))
