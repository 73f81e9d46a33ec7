# class: language
# tier: restricted
# attack: frames by a caught error's traceback
# success: a frame's globals are reached
try:
    1 / 0
except ZeroDivisionError as error:
    print("escaped:", error.__traceback__.tb_frame.f_globals)
