# signet_add_library(FOLDER SOURCES a.cpp... [PUBLIC targets...] [PRIVATE targets...])
#
# One static library per folder: signet_FOLDER, alias signet::FOLDER. PUBLIC targets are those whose headers stand in
# this folder's headers. A folder that is not there yet is left out, so that each can be built as soon as it exists.
function(signet_add_library folder)
    cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;PUBLIC;PRIVATE")
    add_library(signet_${folder} STATIC ${arg_SOURCES})
    add_library(signet::${folder} ALIAS signet_${folder})
    target_link_libraries(signet_${folder} PUBLIC signet_options)
    foreach(scope IN ITEMS PUBLIC PRIVATE)
        foreach(target IN LISTS arg_${scope})
            if(target MATCHES "^signet::" AND NOT TARGET ${target})
                message(WARNING "${folder}: ${target} does not exist yet")
            else()
                target_link_libraries(signet_${folder} ${scope} ${target})
            endif()
        endforeach()
    endforeach()
endfunction()
