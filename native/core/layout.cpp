// How JSON is laid out, as texts and as lexemes.
#include <algorithm>

#include "schema.hpp"

namespace guided {

std::size_t Schemas::num_bytes() const {
    return nodes.size() * 512 + key_texts_.size() * sizeof(KeyText) + key_ids_.num_bytes() +
           goals_.size() * 256 + objects_.size() * 1024 + arrays_.size() * 256 +
           progresses_.size() * 176 + array_progresses_.size() * 160 + extra_sets_.num_bytes() + lit_sets_.size() * 160 +
           key_lexers_.num_bytes() + key_set_ids_.num_bytes() + goal_ids_.num_bytes() + glance_ids_.num_bytes() + item_options_.size() * 160 + value_lits_.size() * 160;
}

namespace {

constexpr std::uint32_t kMaxWhitespace = 64;  // per gap, so that a text always ends

}  // namespace

std::uint32_t Schemas::add_layout(const Layout& layout) {
    auto it = std::find(layouts_.begin(), layouts_.end(), layout);
    if (it == layouts_.end()) it = layouts_.insert(layouts_.end(), layout);
    return static_cast<std::uint32_t>(it - layouts_.begin());
}

std::u32string Schemas::layout_text(std::uint32_t id, Layout::Part part, std::uint32_t depth) const {
    const Layout& l = layouts_[id];
    auto line = [&](std::uint32_t d) { return l.indent ? U"\n" + std::u32string(std::size_t(*l.indent) * d, U' ') : std::u32string(); };
    switch (part) {
        case Layout::ObjectOpen: return U"{" + line(depth + 1);
        case Layout::ObjectClose: return line(depth) + U"}";
        case Layout::ObjectEmpty: return U"{}";
        case Layout::ArrayOpen: return U"[" + line(depth + 1);
        case Layout::ArrayClose: return line(depth) + U"]";
        case Layout::ArrayEmpty: return U"[]";
        case Layout::ItemSep: return l.item_separator + line(depth + 1);
        default: return l.key_separator;
    }
}

std::int32_t Schemas::layout_lexeme(std::uint32_t id, Layout::Part part, std::uint32_t depth) {
    if (!layouts_[id].indent) depth = 0;
    const std::uint64_t key = (std::uint64_t(id) << 40) | (std::uint64_t(part) << 32) | depth;
    if (const std::uint32_t known = layout_lexemes_.find(key); known != FlatMap::kMissing) return lexer_state(known);
    ExprId e = ExprPool::kEpsilon;
    if (layouts_[id].is_flexible) {
        const ExprId gap = pool_.repeat(pool_.set(normalized({{' ', ' '}, {'\t', '\n'}, {'\r', '\r'}})), 0, kMaxWhitespace);
        for (char32_t c : layout_text(id, part, 0)) {
            const ExprId mark = pool_.set({{c, c}});
            const bool opens = c == '{' || c == '[', closes = c == '}' || c == ']';
            const bool is_empty = part == Layout::ObjectEmpty || part == Layout::ArrayEmpty;
            e = pool_.cat({e, opens || (is_empty && closes) ? ExprPool::kEpsilon : gap, mark, closes ? ExprPool::kEpsilon : gap});
        }
    } else {
        e = pool_.literal(layout_text(id, part, depth));
    }
    const std::int32_t lex = lexer_.start({{0, e}}, Spelling::Text);
    layout_lexemes_.insert(key, kept_state(lex));
    return lex;
}

std::string Schemas::quoted(const std::u32string& text, Spelling spelling) const {
    std::string out = "\"";
    for (char32_t c : text) out += spell_rest(spelling, 0, c);
    return out + "\"";
}

}  // namespace guided
