// Masks of grammars with many readings: the trie is walked with whole configurations.
//
// Walking it frame by frame is quick, but a grammar whose readings multiply with every byte would be walked once for each
// of them. Then all readings go together, so each node of the trie costs one step of the machine at most.
#include "mask.hpp"

#include <algorithm>

namespace guided {

namespace {

constexpr std::uint32_t kFewLeft = 500, kManyLeft = 20'000;  // ends of lexemes looked beyond, frame by frame

}  // namespace

void Masker::walk_rules(const Config& config) {
    machine_.num_leaves_left = has_many_readings_ ? kFewLeft : kManyLeft;
    try {
        walk_frames(config);
    } catch (const TooManyReadings&) {
        has_many_readings_ = true;
        parts_.clear(), found_.clear();
        walk_sets(config);
    }
}

void Masker::walk_sets(const Config& config) {
    Sink sink{trie_, rows_, &found_, nullptr};
    std::vector<Config> path{config};  // of the node's ancestors, with what follows lexemes that end there
    machine_.add_closure(path[0]);
    Config next;
    for (NodeId n = 1; n < trie_.num_nodes();) {
        path.resize(trie_.depth(n));
        machine_.step_closed(path.back(), trie_.byte(n), next);
        if (next.empty()) {
            n = trie_.end(n);
            continue;
        }
        sink.mark(n);
        machine_.add_closure(next);
        path.push_back(next);
        ++n;
    }
}

}  // namespace guided
