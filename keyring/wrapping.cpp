#include "keyring/wrapping.h"

#include <algorithm>

#include "core/file.h"

namespace signet::keyring {
namespace {

std::string named(const Link& link) { return link.name + " (" + link.thumbprint.short_text() + ")"; }

/// By the public half that an officer signed.
void link_public_half(const Policy& policy, Keyring& keyring, Vaults& vaults, const format::Thumbprint& protector,
                      const std::string& region) {
    const auto key = crypto::RsaPublicKey::from_spki(policy.public_keys.at(protector));
    const std::string folder = keyring.folder() + "/public";
    const std::string path = folder + "/" + protector.object_text() + ".pem";
    make_folders(folder, 0700);
    replace_file(path, as_bytes(key.to_pem()), 0600);
    LinkOptions options;
    options.role = LinkRole::linked;
    options.region = region;
    options.thumbprint = protector.text();
    options.name = "policy-" + protector.text().substr(7, 12);
    (void)keyring.link(Location::parse("public:" + path), options, vaults);
}

/// What the policy puts in the place of the keyring's default; that default where it puts nothing there.
format::Thumbprint first_protector(const Policy& policy, Keyring& keyring, Vaults& vaults,
                                   const format::Thumbprint& own, const std::string& region,
                                   std::vector<std::string>& warnings) {
    if (!policy.default_protector || *policy.default_protector == own) return own;
    const format::Thumbprint wanted = *policy.default_protector;
    const Link own_link = *keyring.find(own);
    const std::string says = "the policy of this repository names " + wanted.short_text() + " as the default protector";
    if (!policy.is_fenced(own) && !own_link.wrap_only()) {
        warnings.push_back(says + ", and this host wraps under " + named(own_link) + ": " +
                           default_command(keyring, wanted) +
                           ", or, as the officer, signet keyring policy set default-protector=" + own.text());
        return own;
    }
    if (keyring.find(wanted) == nullptr && policy.public_keys.contains(wanted)) {
        link_public_half(policy, keyring, vaults, wanted, region);
        warnings.push_back(says + ": its public half, which an officer has signed, is now linked");
    }
    const Link* link = keyring.find(wanted);
    if (link != nullptr && link->region != region) return own;
    if (link == nullptr) {
        warnings.push_back(says + ", and it is not linked here: " + default_command(keyring, wanted));
        return own;
    }
    warnings.push_back(says + ": it wraps in the place of " + named(own_link) +
                       "; to make it this keyring's default: " + default_command(keyring, wanted));
    return wanted;
}

}  // namespace

std::string default_command(const Keyring& keyring, const format::Thumbprint& protector) {
    if (keyring.find(protector) != nullptr) return "signet keyring default " + protector.short_text();
    return "signet keyring link public:FILE --thumbprint " + protector.short_text() +
           " --default, with the FILE that signet key export-public writes";
}

Wrapping wrapping_for(const Policy& policy, Keyring& keyring, Resolver& resolver,
                      const format::RepositoryConfig& config, const ProtectorRegion& region) {
    const std::vector<format::Thumbprint> own = resolver.wrapping_protectors(region.provider, region.region);
    Wrapping wrapping;
    wrapping.protectors.push_back(
        region.region == config.region
            ? first_protector(policy, keyring, resolver.vaults(), own.front(), region.region, wrapping.warnings)
            : own.front());
    for (std::size_t i = 1; i < own.size(); ++i) {
        if (own[i] == wrapping.protectors.front()) continue;
        if (!policy.is_fenced(own[i])) {
            wrapping.protectors.push_back(own[i]);
            continue;
        }
        const Link* link = keyring.find(own[i]);
        wrapping.warnings.push_back("the recovery protector " + (link == nullptr ? own[i].short_text() : named(*link)) +
                                    " is to go, by the policy of this repository, and wraps nothing here any more: "
                                    "signet keyring link LOCATION --recovery links another one, and signet keyring "
                                    "unlink " +
                                    own[i].short_text() + " forgets it");
    }
    return wrapping;
}

}  // namespace signet::keyring
