internal import Foundation
internal import GearclockMariaDB

/// What holds for all stores together: how several are written in one text, how they are told apart, and how each
/// comes to its password.
package enum StoreLocations {
    /// Tells several locations in one text apart. A comma begins a new one only if a kind of store follows, with or
    /// without a name: `NAME=sqlite:`, `mariadb://` … Any other comma belongs to a list of hosts, a password or a path.
    package static func split(_ text: String) -> [String] {
        var parts: [Substring] = []
        for piece in text.split(separator: ",", omittingEmptySubsequences: false) {
            if let last = parts.last, !Self.beginsStore(piece) {
                parts[parts.count - 1] = text[last.startIndex..<piece.endIndex]
            } else {
                parts.append(piece)
            }
        }
        return parts.map { $0.trimmingCharacters(in: .whitespaces) }
    }

    /// With `//`, because a host may be called `mariadb`.
    private static func beginsStore(_ piece: Substring) -> Bool {
        var location = piece.drop { $0 == " " }
        if let equals = location.firstIndex(of: "="), isStoreName(location[..<equals]) {
            location = location[location.index(after: equals)...]
        }
        return ["sqlite:", "mariadb://", "mysql://"].contains { location.hasPrefix($0) }
    }

    /// Several stores must be told apart for ever: by their names in receipts, by their numbers in ids.
    static func check(_ locations: [StoreLocation], origin: SettingOrigin) throws {
        for (index, location) in locations.enumerated() {
            for earlier in locations[..<index] where Self.variable(earlier.name) == Self.variable(location.name) {
                let names = earlier.name == location.name ? location.name : "\(earlier.name) and \(location.name)"
                throw CommandFailure(
                    .usage,
                    "\(origin): two stores have the name \(names); write NAME=\(Self.scheme(location)) with names that "
                        + "differ in more than case and punctuation.")
            }
            guard locations.count > 1 else { continue }
            guard let number = location.givenNumber else {
                throw CommandFailure(
                    .usage,
                    "\(origin): the store \(location.name) has no number. Of several stores each needs its own, "
                        + "0 to 4095, as ?number=1: the ids of its tasks carry it, so that every daemon knows where "
                        + "they are. A store that was alone until now is number 0. Never change them.")
            }
            for earlier in locations[..<index] where earlier.givenNumber == number {
                throw CommandFailure(
                    .usage,
                    "\(origin): the stores \(earlier.name) and \(location.name) have the same number, \(number). The "
                        + "ids of their tasks carry it, so that it must be of one store only.")
            }
        }
    }

    /// Gives stores the passwords that the environment has for them: `GEARCLOCK_STORE_PASSWORD_NAME` for one, its name
    /// in capitals and with `_` for punctuation; `GEARCLOCK_STORE_PASSWORD` for all. What a location itself says wins.
    static func addPasswords(to location: StoreLocation, from environment: [String: String]) -> StoreLocation {
        guard case .mariadb(var url) = location.place, url.configuration.password == nil, url.passwordFile == nil else {
            return location
        }
        let variables = ["GEARCLOCK_STORE_PASSWORD_" + Self.variable(location.name), "GEARCLOCK_STORE_PASSWORD"]
        guard let password = variables.compactMap({ environment[$0] }).first(where: { !$0.isEmpty }) else {
            return location
        }
        url.configuration.password = MariaDBConfiguration.Secret(password)
        var location = location
        location.place = .mariadb(url)
        return location
    }

    private static func variable(_ name: String) -> String {
        String(name.uppercased().map { $0 == "-" || $0 == "." ? "_" : $0 })
    }

    private static func scheme(_ location: StoreLocation) -> String {
        switch location.place {
        case .sqlite: "sqlite:PATH"
        case .mariadb: "mariadb://…"
        }
    }
}
