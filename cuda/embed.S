// The fatbins as read-only data: adastep_fatbin_<module>, for every module of cuda/kernels.h.
    .section .rodata
    .macro EMBED module
    .global adastep_fatbin_\module
    .hidden adastep_fatbin_\module
    .balign 64
adastep_fatbin_\module:
    .incbin "\module\().fatbin"
    .endm
    EMBED memory
    EMBED elementwise
    EMBED random
    EMBED reduce
    EMBED softmax
    EMBED norm
    EMBED embedding
    EMBED gemm
    EMBED gemm_bf16
    EMBED update
    EMBED sums
    EMBED bag
    EMBED sort
    EMBED sparse
    EMBED clip
    EMBED window
    EMBED accumulate
    .section .note.GNU-stack,"",%progbits
