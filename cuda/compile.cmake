# Runs the compiler on a file of kernels, and keeps what ptxas says of them (-Xptxas -v) out of the build's output and in
# a file of its own, which scripts/kernel-resources.mjs reads. Whatever else is said is shown.
#
#   cmake -DCOMPILE=<list> -DREPORT=<file> -P compile.cmake
execute_process(COMMAND ${COMPILE} ERROR_VARIABLE said RESULT_VARIABLE status)
file(WRITE ${REPORT} "${said}")
string(REGEX REPLACE "(ptxas info |    [0-9]+ bytes stack frame)[^\n]*\n" "" other "${said}")
if(NOT other STREQUAL "")
  message("${other}")
endif()
if(NOT status EQUAL 0)
  message(FATAL_ERROR "the compiler ended with ${status}")
endif()
