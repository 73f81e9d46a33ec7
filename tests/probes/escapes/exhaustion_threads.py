# class: exhaustion
# attack: threads without end, stopped at 300
# success: 300 threads live at once
# layers: rlimits, cgroup-pids
# ends: limit.processes
import threading

gate = threading.Event()
made = []
try:
    while len(made) < 300:
        made.append(threading.Thread(target=gate.wait, daemon=True))
        made[-1].start()
    print("escaped: 300 threads")
except RuntimeError as error:
    print("held:", error)
