extension SQL {
    /// Forgets members of whom nobody heard for long.
    /// - Parameters: 1 seen before.
    /// - Returns: nothing.
    /// - Index: none; the table is as small as a cluster.
    package static let forgetMembers = "DELETE FROM member WHERE seen_at < ?1"

    /// Counts a beat of a member, new or known.
    /// - Parameters: 1 id, 2 role, 3 now.
    /// - Returns: nothing.
    /// - Index: the primary key of `member`.
    package static let beat = """
        INSERT INTO member (id, role, beats, seen_at) VALUES (?1, ?2, 1, ?3)
        ON CONFLICT (id) DO UPDATE SET role = ?2, beats = min(beats, 9223372036854775806) + 1, seen_at = ?3
        """

    /// All members.
    /// - Returns: id, role, beats.
    /// - Index: none; all of them are read.
    package static let members = "SELECT id, role, beats FROM member"

    /// Removes a member.
    /// - Parameters: 1 id.
    /// - Returns: nothing.
    /// - Index: the primary key of `member`.
    package static let leave = "DELETE FROM member WHERE id = ?1"

    /// What operators want of functions.
    /// - Returns: function, is paused, in flight, per thousand seconds, queue watermark; by function.
    /// - Index: the primary key of `function_setting`; all of it is read.
    package static let functionSettings = """
        SELECT function, is_paused, in_flight, per_thousand_seconds, queue_watermark FROM function_setting
        ORDER BY function
        """

    /// Sets what is wanted of a function, in place of what was.
    /// - Parameters: 1 function, 2 is paused, 3 in flight, 4 per thousand seconds, 5 queue watermark; each of the last
    ///   three may be NULL.
    /// - Returns: nothing.
    /// - Index: the primary key of `function_setting`.
    package static let setFunctionSettings = """
        INSERT OR REPLACE INTO function_setting (function, is_paused, in_flight, per_thousand_seconds, queue_watermark)
        VALUES (?1, ?2, ?3, ?4, ?5)
        """

    /// Removes what is wanted of a function.
    /// - Parameters: 1 function.
    /// - Returns: nothing.
    /// - Index: the primary key of `function_setting`.
    package static let removeFunctionSettings = "DELETE FROM function_setting WHERE function = ?1"

    /// Counts members, settings and kept jobs that break a rule of the schema. Who only reads has to ask by itself: a
    /// connection that cannot write does not know the rules, and checks them in no other way.
    /// - Returns: one number.
    /// - Index: none; all of them are looked at.
    package static let countForeignDaemons = """
        SELECT (SELECT count(*) FROM member WHERE NOT (role BETWEEN 0 AND 1 AND beats >= 1))
            + (SELECT count(*) FROM function_setting WHERE NOT (
                length(function) BETWEEN 1 AND 512 AND instr(function, x'00') = 0 AND is_paused BETWEEN 0 AND 1
                AND coalesce(in_flight, 0) BETWEEN 0 AND 4294967295
                AND coalesce(per_thousand_seconds, 0) BETWEEN 0 AND 4294967295
                AND coalesce(queue_watermark, 0) BETWEEN 0 AND 4294967295
                AND (is_paused = 1 OR coalesce(in_flight, per_thousand_seconds, queue_watermark) IS NOT NULL)))
            + (SELECT count(*) FROM job WHERE NOT (
                number >= 1 AND priority BETWEEN 0 AND 2 AND retries BETWEEN 0 AND 255))
        """
}
