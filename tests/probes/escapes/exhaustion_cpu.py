# class: exhaustion
# attack: compute for as long as 20 s of CPU time
# success: the program comes to its end
# layers: rlimits
# ends: limit.cpu
total = 0
for number in range(400_000_000):
    total += number
print("escaped: computed to the end")
