# class: language
# tier: restricted
# attack: coroutines, whose cr_frame and ag_frame lead to frames
# success: the program is compiled
async def steps():
    yield 1


made = steps()
print("escaped:", made.ag_frame)
