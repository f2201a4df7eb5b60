# The CUDA backend. Sets ADASTEP_CUDA_SOURCES; with nvcc they include the kernels, one fatbin per .cu file,
# embedded by the assembler. CMake's CUDA language is not enabled: it would link a CUDA library.
set(ADASTEP_CUDA AUTO CACHE STRING "AUTO | ON | OFF: compile the CUDA kernels")
option(ADASTEP_CUDA_LINEINFO "name source lines in the kernels, for profilers and the emulator" OFF)
option(ADASTEP_CUDA_MACHINE_CODE "machine code of the kernels for all GPUs, or only PTX, which the emulator runs" ON)
set(ADASTEP_NVCC_OLDEST 13.0)

set(cuda_dir ${CMAKE_CURRENT_LIST_DIR})
set(ADASTEP_CUDA_SOURCES)
foreach(name backend collapse context devices driver faults gemm_tile graph kernels launch marks memory
  page_lock)
  list(APPEND ADASTEP_CUDA_SOURCES ${cuda_dir}/${name}.cc)
endforeach()

if(NOT ADASTEP_CUDA STREQUAL "OFF")
  find_program(ADASTEP_NVCC nvcc HINTS ENV CUDA_HOME ENV CUDA_PATH /usr/local/cuda PATH_SUFFIXES bin)
  if(ADASTEP_NVCC)
    execute_process(COMMAND ${ADASTEP_NVCC} --version OUTPUT_VARIABLE nvcc_text ERROR_VARIABLE nvcc_text)
    string(REGEX MATCH "release ([0-9]+\\.[0-9]+)" nvcc_match "${nvcc_text}")
    set(nvcc_version "${CMAKE_MATCH_1}")
    if(NOT nvcc_version OR nvcc_version VERSION_LESS ADASTEP_NVCC_OLDEST)
      set(cuda_problem "${ADASTEP_NVCC} is version '${nvcc_version}', ${ADASTEP_NVCC_OLDEST} or later is needed")
    endif()
  else()
    set(cuda_problem "nvcc was not found")
  endif()
  if(cuda_problem AND ADASTEP_CUDA STREQUAL "ON")
    message(FATAL_ERROR "ADASTEP_CUDA=ON, but ${cuda_problem}")
  elseif(cuda_problem)
    message(STATUS "adastep: building without CUDA kernels: ${cuda_problem}")
  else()
    set(ADASTEP_HAVE_CUDA_KERNELS ON)
  endif()
endif()

if(ADASTEP_HAVE_CUDA_KERNELS)
  # No contraction: core/numerics.h is the same on both devices.
  set(nvcc_flags -std=c++17 -O3 --fmad=false --compress-mode=size --fatbin -Xptxas -v)
  if(ADASTEP_CUDA_MACHINE_CODE)
    # For every generation from Turing on. No source needs a newer virtual architecture than 8.0, but PTX for 8.0
    # makes ptxas spill registers of some kernels on Blackwell, which its own does not (scripts/kernel-resources.mjs).
    # The PTX is for GPUs to come.
    list(APPEND nvcc_flags -gencode arch=compute_75,code=[compute_75,sm_75]
         -gencode arch=compute_80,code=[compute_80,sm_80,sm_86,sm_89,sm_90]
         -gencode arch=compute_100,code=sm_100 -gencode arch=compute_120,code=sm_120)
  else()
    list(APPEND nvcc_flags -gencode arch=compute_80,code=compute_80)
  endif()
  if(ADASTEP_CUDA_LINEINFO)
    list(APPEND nvcc_flags -lineinfo)  # makes the kernels 2.5 times as large
  endif()
  set(fatbin_dir ${CMAKE_BINARY_DIR}/fatbins)
  file(MAKE_DIRECTORY ${fatbin_dir})
  set(fatbins)
  foreach(module gemm gemm_bf16 elementwise softmax update norm reduce memory random embedding sums sparse sort bag clip window accumulate)  # the slowest first
    set(source ${cuda_dir}/kernels/${module}.cu)
    set(fatbin ${fatbin_dir}/${module}.fatbin)
    set(compile ${ADASTEP_NVCC} ${nvcc_flags} -I${cuda_dir}/.. -MD -MF ${fatbin}.d -o ${fatbin} ${source})
    set(report ${fatbin_dir}/${module}.ptxas)
    add_custom_command(OUTPUT ${fatbin} BYPRODUCTS ${report}
      COMMAND ${CMAKE_COMMAND} "-DCOMPILE=${compile}" -DREPORT=${report} -P ${cuda_dir}/compile.cmake
      DEPENDS ${source} ${cuda_dir}/compile.cmake DEPFILE ${fatbin}.d COMMENT "nvcc ${module}.cu" VERBATIM)
    list(APPEND fatbins ${fatbin})
  endforeach()
  enable_language(ASM)
  set_source_files_properties(${cuda_dir}/embed.S PROPERTIES
    OBJECT_DEPENDS "${fatbins}" COMPILE_OPTIONS "-I${fatbin_dir}")
  set_source_files_properties(${cuda_dir}/kernels.cc PROPERTIES
    COMPILE_DEFINITIONS ADASTEP_HAVE_CUDA_KERNELS)
  list(APPEND ADASTEP_CUDA_SOURCES ${cuda_dir}/embed.S)
endif()
