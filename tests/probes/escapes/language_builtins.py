# class: language
# tier: restricted
# attack: builtins that open files, run text or show namespaces
# success: any of them is there
last = None
ways = (
    lambda: open("/etc/passwd"),
    lambda: eval("1"),
    lambda: exec("1"),
    lambda: compile("1", "", "eval"),
    lambda: vars(),
    lambda: globals(),
    lambda: locals(),
    lambda: dir(),
    lambda: breakpoint(),
    lambda: help(),
)
for way in ways:
    try:
        print("escaped:", way())
    except NameError as error:
        last = error
print("held:", last)
