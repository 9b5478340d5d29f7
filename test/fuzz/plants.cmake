# Planted bugs, which prove that each target can find one: fuzz_planted_TARGET is the target with one source of the product
# changed in one place. The changed source lies in the build folder alone; its object stands in front of the library, whose
# own is then not linked. `fuzz.sh planted` demands that all of them are found.

set(fuzz_planted_executables)
# fuzz_plant(TARGET LIBRARY library FILE source REPLACED text BY text)
function(fuzz_plant name)
  cmake_parse_arguments(PARSE_ARGV 1 part "" "LIBRARY;FILE;REPLACED;BY" "")
  set(source ${PROJECT_SOURCE_DIR}/${part_FILE})
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${source})
  file(READ ${source} before)
  string(FIND "${before}" "${part_REPLACED}" first)
  string(FIND "${before}" "${part_REPLACED}" last REVERSE)
  if(first EQUAL -1 OR NOT first EQUAL last)
    message(FATAL_ERROR "${part_FILE} does not have this exactly once: ${part_REPLACED}\nMend test/fuzz/plants.cmake")
  endif()
  string(REPLACE "${part_REPLACED}" "${part_BY}" after "${before}")
  get_filename_component(file_name ${part_FILE} NAME)
  set(planted ${CMAKE_CURRENT_BINARY_DIR}/planted/${name}/${file_name})
  file(CONFIGURE OUTPUT ${planted} CONTENT "@after@" @ONLY)

  get_target_property(needs ${part_LIBRARY} LINK_LIBRARIES)
  add_library(fuzz_plant_${name} OBJECT EXCLUDE_FROM_ALL ${planted})
  target_link_libraries(fuzz_plant_${name} PRIVATE ${part_LIBRARY} ${needs})

  get_target_property(sources fuzz_${name} SOURCES)
  get_target_property(links fuzz_${name} LINK_LIBRARIES)
  add_executable(fuzz_planted_${name} EXCLUDE_FROM_ALL ${sources} $<TARGET_OBJECTS:fuzz_plant_${name}>)
  target_link_libraries(fuzz_planted_${name} PRIVATE ${links})
  target_compile_definitions(fuzz_planted_${name} PRIVATE TAGMA_FUZZ)
  target_link_options(fuzz_planted_${name} PRIVATE -fsanitize=fuzzer)
  set(fuzz_planted_executables ${fuzz_planted_executables} fuzz_planted_${name} PARENT_SCOPE)
endfunction()

# A status is not validated.
fuzz_plant(codec LIBRARY tagma_wire FILE messages/wire/codec.cpp
  REPLACED "  if (auto refused = validate(*message)) return *std::move(refused)"
  BY "  if (std::holds_alternative<Status>(*message)) return message;
  if (auto refused = validate(*message)) return *std::move(refused)")

# One replica more than a mask of 64 bits has room for.
fuzz_plant(validators LIBRARY tagma_messages FILE messages/membership.cpp
  REPLACED "> replicas_max" BY "> replicas_max + 1")

# The last frame may be repeated.
fuzz_plant(frames LIBRARY tagma_crypto FILE crypto/frame.cpp
  REPLACED "layout.counter <= last_counter_" BY "layout.counter < last_counter_")

# Numbers in a signature may have leading zeros, so that one signature has several encodings.
fuzz_plant(signatures LIBRARY tagma_crypto FILE crypto/signature_rules.cpp
  REPLACED "if (padded && length > 1 && (byte_at(position + 1) & 0x80U) == 0)" BY "if (padded && length > 33)")

# A reason shows a delete character as it came.
fuzz_plant(cluster_file LIBRARY tagma_cluster_file FILE messages/cluster_file/rules.cpp
  REPLACED "    if (static_cast<unsigned char>(letter) < ' ' || letter == '\\x7f') letter = ' '"
  BY "    if (static_cast<unsigned char>(letter) < ' ') letter = ' '")

# A P-256 key is taken although its halves do not belong together.
fuzz_plant(key_file LIBRARY tagma_crypto FILE crypto/identity.cpp
  REPLACED "if (EVP_PKEY_check(context.get()) != 1)" BY "if (EVP_PKEY_check(context.get()) < -2)")

# The highest byte of a word's length is not looked at.
fuzz_plant(command_grammar LIBRARY tagma_messages FILE messages/operation.cpp
  REPLACED "    length |= " BY "    if (at < 3) length |= ")

# One replica's word is enough to take a slot for decided, where f+1 are needed.
fuzz_plant(core LIBRARY tagma_core FILE replica/core/normal_case.cpp
  REPLACED "slot.decisions.reached(config_.membership.weak_quorum())" BY "slot.decisions.reached(1)")

add_custom_target(fuzz_planted_targets DEPENDS ${fuzz_planted_executables})
