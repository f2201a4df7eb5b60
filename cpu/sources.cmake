# The CPU backend. Sets ADASTEP_CPU_SOURCES and ADASTEP_CPU_OBJECTS: kernels.cc is compiled once per
# instruction-set level, the level's name being also its namespace (cpu/level.cc chooses at run time).
set(ADASTEP_CPU_DIR ${CMAKE_CURRENT_LIST_DIR})
set(ADASTEP_CPU_SOURCES)
foreach(name backend context level machine pool)
  list(APPEND ADASTEP_CPU_SOURCES ${ADASTEP_CPU_DIR}/${name}.cc)
endforeach()

# The pool's threads never end: a module unloaded with the last worker_thread that used it would leave them
# without code.
add_link_options(LINKER:-z,nodelete)

# -fno-math-errno, -fno-trapping-math: else loops over sqrt and comparisons do not vectorise; no value changes.
# -funwind-tables: kernels throw nothing, but an Error of the scratch allocator passes through them.
set(ADASTEP_KERNEL_OPTIONS -ffp-contract=off -fno-math-errno -fno-trapping-math -fno-exceptions -funwind-tables)
if(NOT ADASTEP_SANITIZE)
  list(APPEND ADASTEP_KERNEL_OPTIONS -O3)
endif()

set(ADASTEP_CPU_OBJECTS)
function(adastep_cpu_level name)
  add_library(adastep_cpu_${name} OBJECT ${ADASTEP_CPU_DIR}/kernels.cc)
  target_include_directories(adastep_cpu_${name} PRIVATE ${ADASTEP_CPU_DIR}/..)
  target_compile_definitions(adastep_cpu_${name} PRIVATE ADASTEP_NUMERICS=${name})
  target_compile_options(adastep_cpu_${name} PRIVATE ${ADASTEP_KERNEL_OPTIONS} ${ARGN})
  set(ADASTEP_CPU_OBJECTS ${ADASTEP_CPU_OBJECTS} $<TARGET_OBJECTS:adastep_cpu_${name}> PARENT_SCOPE)
endfunction()

if(CMAKE_SYSTEM_PROCESSOR MATCHES "^(aarch64|arm64)$")
  adastep_cpu_level(neon)
else()
  adastep_cpu_level(baseline)
  if(CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|AMD64|amd64)$")
    adastep_cpu_level(v3 -march=x86-64-v3)
    adastep_cpu_level(v4 -march=x86-64-v4 -mprefer-vector-width=512)
  endif()
endif()
