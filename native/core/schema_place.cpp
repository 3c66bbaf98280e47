#include "schema_place.hpp"

namespace guided {

PathId SchemaPaths::root(std::string pointer) {
    roots_.push_back(std::move(pointer));
    return added({0, Kind::Root, static_cast<std::uint32_t>(roots_.size() - 1), 0});
}

std::string SchemaPaths::pointer(const Document& document, PathId path) const {
    std::vector<const Part*> parts;
    for (; parts_[path].kind != Kind::Root; path = parts_[path].above) parts.push_back(&parts_[path]);
    std::string out = roots_[parts_[path].a];
    for (auto p = parts.rbegin(); p != parts.rend(); ++p) {
        out += '/';
        if ((*p)->kind == Kind::Index) {
            out += std::to_string((*p)->a);
            continue;
        }
        const std::string_view key =
            (*p)->kind == Kind::Keyword ? name_of(static_cast<Keyword>((*p)->a)) : document.text({(*p)->a, (*p)->b});
        for (char c : key) out += c == '~' ? "~0" : c == '/' ? "~1" : std::string(1, c);
    }
    return out;
}

std::string percent_decoded(std::string_view text) {
    const auto digit = [](char c) { return c >= '0' && c <= '9' ? c - '0' : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10 : -1; };
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const int high = text[i] == '%' && i + 2 < text.size() ? digit(text[i + 1]) : -1;
        const int low = high >= 0 ? digit(text[i + 2]) : -1;
        if (low >= 0)
            out += static_cast<char>(high * 16 + low), i += 2;
        else
            out += text[i];
    }
    return out;
}

}  // namespace guided
