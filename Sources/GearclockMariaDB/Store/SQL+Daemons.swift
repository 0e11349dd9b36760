extension SQL {
    /// All daemons.
    /// - Returns: id, role, beats, seen at; in any order.
    /// - Index: `PRIMARY`; all of them are read, and they are few.
    package static let members = "SELECT id, role, beats, seen_at FROM member FORCE INDEX (PRIMARY)"

    /// Says that a daemon lives.
    /// - Parameters: 1 id, 2 role, 3 seen at.
    /// - Returns: nothing.
    /// - Index: `PRIMARY`.
    package static let beat = """
        INSERT INTO member (id, role, beats, seen_at) VALUES (?, ?, 1, ?)
        ON DUPLICATE KEY UPDATE role = VALUES(role), beats = beats + 1, seen_at = VALUES(seen_at)
        """

    /// Removes a daemon of which nobody heard.
    /// - Parameters: 1 id, 2 seen before.
    /// - Returns: nothing.
    /// - Index: `PRIMARY`.
    package static let forget = "DELETE FROM member WHERE id = ? AND seen_at < ?"

    /// Removes a daemon that says goodbye.
    /// - Parameters: 1 id.
    /// - Returns: nothing.
    /// - Index: `PRIMARY`.
    package static let leave = "DELETE FROM member WHERE id = ?"

    /// What is wanted of functions.
    /// - Returns: function, is paused, in flight, per thousand seconds, queue watermark; by the bytes of the function.
    /// - Index: `PRIMARY`.
    package static let functionSettings = """
        SELECT function, is_paused, in_flight, per_thousand_seconds, queue_watermark
        FROM function_setting FORCE INDEX (PRIMARY) ORDER BY function
        """

    /// The same, for who is going to change it: on this node he waits for others who do.
    package static let functionSettingsLocked = functionSettings + " FOR UPDATE"

    /// Says what is wanted of a function of which nothing was. Error 1062: somebody else said something meanwhile.
    /// - Parameters: 1 is paused, 2 in flight or NULL, 3 per thousand seconds or NULL, 4 queue watermark or NULL,
    ///   5 function.
    /// - Returns: nothing.
    /// - Index: `PRIMARY`.
    package static let insertFunction = """
        INSERT INTO function_setting (is_paused, in_flight, per_thousand_seconds, queue_watermark, function)
        VALUES (?, ?, ?, ?, ?)
        """

    /// Says what is wanted of a function, in place of what was.
    /// - Parameters: 1 is paused, 2 in flight or NULL, 3 per thousand seconds or NULL, 4 queue watermark or NULL,
    ///   5 function.
    /// - Returns: nothing.
    /// - Index: `PRIMARY`.
    package static let updateFunction = """
        UPDATE function_setting
        SET is_paused = ?, in_flight = ?, per_thousand_seconds = ?, queue_watermark = ? WHERE function = ?
        """

    /// Forgets what was wanted of a function.
    /// - Parameters: 1 function.
    /// - Returns: nothing.
    /// - Index: `PRIMARY`.
    package static let removeFunction = "DELETE FROM function_setting WHERE function = ?"
}
