// The machine's only ROM: from the reset vector to 64-bit mode, with no BIOS and no devices.
//
// Linked at 0xF0000, where the processor sees the ROM as well as below 4 GB. Memory below is
// identity mapped; everything runs at privilege level 0 and interrupts stay off.

.set kPages, 0x1000  // PML4, PDPT and four page directories: 24 KB
.set kStack, 0x80000

.section .start, "ax"
.code16
.globl start
start:
  cli
  lgdtl %cs:(gdt_pointer - 0xF0000)
  mov %cr0, %eax
  or $1, %al
  mov %eax, %cr0
  ljmpl $0x08, $start32
gdt_pointer:
  .word gdt_end - gdt - 1
  .long gdt

.section .reset, "ax"
  jmp start
  .balign 16, 0x90

.section .text.boot, "ax"
.balign 8
gdt:
  .quad 0
  .quad 0x00CF9B000000FFFF  // 0x08: 32-bit code
  .quad 0x00CF93000000FFFF  // 0x10: data
  .quad 0x00AF9B000000FFFF  // 0x18: 64-bit code
  .quad 0x00CF93000000FFFF  // 0x20: data, where SYSCALL looks for it
gdt_end:

.code32
start32:
  mov $0x10, %eax
  mov %eax, %ds
  mov %eax, %es
  mov %eax, %ss
  cld
  xor %eax, %eax
  mov $kPages, %edi
  mov $(6 * 4096 / 4), %ecx
  rep stosl
  movl $(kPages + 0x1003), kPages
  mov $(kPages + 0x2003), %eax
  mov $(kPages + 0x1000), %edi
  mov $4, %ecx
1:
  mov %eax, (%edi)
  add $4096, %eax
  add $8, %edi
  loop 1b
  mov $0x83, %eax  // 2 MB pages, writable
  mov $(kPages + 0x2000), %edi
  mov $2048, %ecx
2:
  mov %eax, (%edi)
  add $0x200000, %eax
  add $8, %edi
  loop 2b
  mov $kPages, %eax
  mov %eax, %cr3
  mov $0x50620, %eax  // PAE, OSFXSR, OSXMMEXCPT, FSGSBASE, OSXSAVE
  mov %eax, %cr4
  mov $0xC0000080, %ecx
  mov $0x101, %eax  // EFER: long mode, SYSCALL
  xor %edx, %edx
  wrmsr
  mov $0x80000023, %eax  // paging, NE, MP, protection; caches on
  mov %eax, %cr0
  ljmp $0x18, $start64

.code64
start64:
  mov $kStack, %esp
  xor %ebp, %ebp
  call supervise
  hlt

// A system call of the program: its registers but rax, rcx and r11 are as before afterwards.
.globl on_syscall
on_syscall:
  lea -128(%rsp), %rsp  // the red zone
  push %rcx
  push %r11
  push %r9
  push %r8
  push %r10
  push %rdx
  push %rsi
  push %rdi
  push %rax
  mov %rsp, %rdi
  push %rbp
  mov %rsp, %rbp
  and $-16, %rsp
  cld
  call system_call
  mov %rbp, %rsp
  pop %rbp
  pop %rax
  pop %rdi
  pop %rsi
  pop %rdx
  pop %r10
  pop %r8
  pop %r9
  pop %r11
  pop %rcx
  lea 128(%rsp), %rsp
  jmp *%rcx

// Every exception ends the run.
.globl exceptions
.balign 16
exceptions:
.set number, 0
.rept 32
  .balign 16
  .byte 0x68  // push imm32
  .long number
  jmp on_exception
  .set number, number + 1
.endr
on_exception:
  mov %rsp, %rdi
  and $-16, %rsp
  call exception

.section .note.GNU-stack, "", @progbits
