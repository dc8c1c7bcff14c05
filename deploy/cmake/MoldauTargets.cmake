# moldau_library(NAME [PRECOMPILED] SOURCES... [LINK LIBS...]): a module's static library with the house's flags.
# PRECOMPILED: most of its sources are coroutines and log; deploy/cmake/precompiled.h is parsed once for them.
add_library(moldau_flags INTERFACE)
target_compile_options(moldau_flags INTERFACE -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Werror -fno-strict-aliasing)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # g++ 12 warns falsely about coroutine frames and optionals under sanitizers and optimisation.
  target_compile_options(moldau_flags INTERFACE -Wno-maybe-uninitialized -Wno-dangling-pointer -Wno-mismatched-new-delete
                         -Wno-array-bounds -Wno-stringop-overflow -Wno-stringop-overread -Wno-restrict)
else()
  # g++ 12 is the compiler whose warnings are errors; clang builds the fuzz targets.
  target_compile_options(moldau_flags INTERFACE -Wno-error -Wno-unused-private-field -Wno-missing-field-initializers -Wno-unused-lambda-capture
                         -Wno-sign-conversion -Wno-shorten-64-to-32 -Wno-implicit-int-float-conversion)
endif()
target_compile_definitions(moldau_flags INTERFACE BOOST_ASIO_NO_DEPRECATED BOOST_ASIO_HAS_CO_AWAIT=1)
target_include_directories(moldau_flags INTERFACE ${CMAKE_SOURCE_DIR} ${CMAKE_BINARY_DIR}/generated)
if(MOLDAU_SANITIZE)
  target_compile_options(moldau_flags INTERFACE -fsanitize=${MOLDAU_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  target_link_options(moldau_flags INTERFACE -fsanitize=${MOLDAU_SANITIZE})
endif()
find_program(MOLD_LINKER mold)
if(MOLD_LINKER)
  target_link_options(moldau_flags INTERFACE -fuse-ld=mold)
endif()

# moldau_precompile(TARGET [HEADERS...]): parses the common headers (and those) once for the target.
function(moldau_precompile target)
  if(NOT CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    return()  # clang's precompiled files carry times, which keeps ccache from hitting
  endif()
  target_compile_options(${target} PRIVATE -fpch-preprocess)  # ccache wants it
  target_precompile_headers(${target} PRIVATE ${CMAKE_SOURCE_DIR}/deploy/cmake/precompiled.h ${ARGN})
  # ccache takes this sum for the precompiled file, whose bytes differ from checkout to checkout.
  file(SHA256 ${CMAKE_SOURCE_DIR}/deploy/cmake/precompiled.h sum)
  file(WRITE ${CMAKE_CURRENT_BINARY_DIR}/CMakeFiles/${target}.dir/cmake_pch.hxx.gch.sum "${sum} ${CMAKE_CXX_COMPILER_VERSION} ${CMAKE_BUILD_TYPE} ${MOLDAU_SANITIZE} ${ARGN}")
endfunction()

function(moldau_library name)
  cmake_parse_arguments(ARG "PRECOMPILED" "" "SOURCES;LINK" ${ARGN})
  add_library(${name} STATIC ${ARG_SOURCES})
  target_link_libraries(${name} PUBLIC moldau_flags ${ARG_LINK})
  if(ARG_PRECOMPILED)
    moldau_precompile(${name})
  endif()
endfunction()
