// How characters are spelled in bytes: UTF-8 text, or the inside of a JSON string with its escapes.
//
// A `Partial` says what of a character has been read; 0 is the boundary between characters. The automata above speak of
// characters only, so a pattern sees the value of a JSON string, whatever its spelling.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "charset.hpp"

namespace guided {

enum class Spelling : std::uint8_t {
    Text,       // UTF-8
    JsonAny,    // inside a JSON string, every legal spelling
    JsonDumps,  // inside a JSON string, as json.dumps writes it, with ensure_ascii on or off
};

using Partial = std::uint32_t;

struct SpellStep {
    enum Kind : std::uint8_t { Dead, More, Char } kind;
    std::uint32_t value;  // More: the next Partial; Char: the code point
};

bool is_escape(Partial partial);  // inside an escape of a JSON string
std::string_view escape_bytes(Partial partial);  // no other byte can come next inside this escape; ascending
std::uint8_t first_byte(std::uint32_t c);        // of its UTF-8

SpellStep spell_step(Spelling spelling, Partial partial, std::uint8_t byte);
// The characters that `partial` can still become.
CharSet possible_chars(Spelling spelling, Partial partial);
// The shortest bytes that finish `partial` (0: that spell it whole) as character `c`; `c` must be possible.
std::string spell_rest(Spelling spelling, Partial partial, std::uint32_t c);

}  // namespace guided
