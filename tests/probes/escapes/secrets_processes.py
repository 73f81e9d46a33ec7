# class: secrets
# attack: read command lines and environments of every process that is seen, our own ancestors first
# success: a secret of the outside is printed, or a process of the outside is seen
# layers: pid-namespace
import os

seen = []
for pid in sorted((name for name in os.listdir("/proc") if name.isdigit()), key=int):
    for name in ("cmdline", "environ", "comm", "stack", "maps", "mountinfo", "cgroup"):
        try:
            text = open(f"/proc/{pid}/{name}", "rb").read()
        except OSError:
            continue
        for word in (
            b"OS2_PROBE_SECRET",
            b"os2-probe",
            b"/home/",
            b"/root/",
            b"os2shell",
            b"SSH_",
            b"TOKEN",
        ):
            if word in text:
                print("escaped:", pid, name, word, text[:300])
    seen.append(pid)
print(f"held: {len(seen)} processes are seen, all of the sandbox")
