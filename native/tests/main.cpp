#include "check.hpp"

int main() {
    for (const Test& t : tests()) {
        const int before = failures;
        t.run();
        std::printf("%s %s\n", failures == before ? "ok  " : "FAIL", t.name);
    }
    std::printf("%zu passed, %d failed\n", tests().size() - static_cast<std::size_t>(failures > 0), failures);
    return failures > 0;
}
