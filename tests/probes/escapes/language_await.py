# class: language
# tier: restricted
# attack: asynchronous comprehensions and lambdas with await
# success: the program is compiled
async def steps():
    return [each async for each in other()]


print("escaped:", steps().cr_frame)
