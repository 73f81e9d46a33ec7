/* The gate: the one instruction of the net that enters the kernel. The filter of system calls knows it
 * by its address, so that nothing else in the process may ask for what the world answers.
 */
#include "world.h"

#include <dlfcn.h>
#include <errno.h>

#if TRAPS

__asm__(
    ".text\n"
    ".p2align 4\n"
    ".globl os2_gate\n"
    ".hidden os2_gate\n"
    ".type os2_gate, @function\n"
    "os2_gate:\n"
    "    movq %rdi, %rax\n"
    "    movq %rsi, %rdi\n"
    "    movq %rdx, %rsi\n"
    "    movq %rcx, %rdx\n"
    "    movq %r8, %r10\n"
    "    movq %r9, %r8\n"
    "    movq 8(%rsp), %r9\n"
    "    syscall\n"
    ".globl os2_gate_end\n"
    ".hidden os2_gate_end\n"
    "os2_gate_end:\n"
    "    ret\n"
    ".size os2_gate, . - os2_gate\n");

#else

long os2_gate(long number, long a, long b, long c, long d, long e, long f)
{
    static long (*enter)(long, ...);
    if (!enter)
        enter = (long (*)(long, ...))dlsym(RTLD_NEXT, "syscall");
    long outcome = enter(number, a, b, c, d, e, f);
    return outcome == -1 ? -errno : outcome;
}

#endif

long told(long outcome)
{
    if (outcome >= 0 || outcome < -4095)
        return outcome;
    errno = (int)-outcome;
    return -1;
}
