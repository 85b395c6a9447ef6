//! Under which role a process would work, for `doctor`: what it may do, and whether that is more than it needs.

use domain::process_role::ProcessRole;
use job::Job;
use platform::health::Finding;
use sqlx::Row as _;
use store::StoreError;
use store::names::table as quoted_table;

use super::connect::{PostgresStore, take_back};

/// At most this many of the jobs in the ledger are looked at for their final tables.
const JOBS_MAX: i64 = 200;

/// What the user of the store may do.
struct Rights {
    role: String,
    login: String,
    is_superuser: bool,
    opens_runs: bool,
    writes_rejects: bool,
    reads_back: bool,
    makes_tables: bool,
    /// Final tables that it may write.
    finals: Vec<String>,
}

impl PostgresStore {
    /// Looks at the role that the user of the store works as. `wanted`: the process that will use these settings.
    pub async fn diagnose_role(&self, wanted: Option<ProcessRole>) -> Finding {
        match self.rights().await {
            Ok(rights) => rights.finding(wanted),
            Err(error) => Finding::error("database role", error),
        }
    }

    async fn rights(&self) -> Result<Rights, StoreError> {
        let (mut session, _watch) = self.begin().await?;
        self.place.begin_making(&mut session).await?;
        let row = sqlx::query(
            "SELECT current_user::text AS role, session_user::text AS login,
                    (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) AS is_superuser,
                    has_table_privilege('crossfoot_run', 'INSERT') AS opens_runs,
                    has_table_privilege('crossfoot_reject', 'INSERT') AS writes_rejects,
                    has_table_privilege('crossfoot_readback', 'INSERT') AS reads_back,
                    EXISTS (SELECT 1 FROM unnest(current_schemas(false)) s WHERE has_schema_privilege(s, 'CREATE'))
                    AS makes_tables",
        )
        .fetch_one(&mut *session)
        .await?;
        let jobs = sqlx::query("SELECT body FROM crossfoot_job LIMIT $1")
            .bind(JOBS_MAX)
            .fetch_all(&mut *session)
            .await?;
        let mut finals = Vec::new();
        for one in &jobs {
            // A job that this version does not understand is not its business here.
            let Ok(job) = Job::parse("(from the store)", &one.try_get::<String, _>("body")?) else {
                continue;
            };
            finals.extend(job.layouts().map(|layout| quoted_table(&layout.final_table.name)));
        }
        let writable = sqlx::query(
            "SELECT DISTINCT t FROM unnest($1::text[]) t
             WHERE has_table_privilege(to_regclass(t), 'INSERT, UPDATE, DELETE, TRUNCATE') ORDER BY t",
        )
        .bind(finals)
        .fetch_all(&mut *session)
        .await?;
        take_back(session).await;
        Ok(Rights {
            role: row.try_get("role")?,
            login: row.try_get("login")?,
            is_superuser: row.try_get("is_superuser")?,
            opens_runs: row.try_get("opens_runs")?,
            writes_rejects: row.try_get("writes_rejects")?,
            reads_back: row.try_get("reads_back")?,
            makes_tables: row.try_get("makes_tables")?,
            finals: writable.iter().map(|row| row.try_get("t")).collect::<Result<_, _>>()?,
        })
    }
}

impl Rights {
    /// The process that these rights are enough for.
    const fn fit(&self) -> Option<ProcessRole> {
        match (self.opens_runs, self.writes_rejects, self.reads_back) {
            (true, _, _) => Some(ProcessRole::Coordinator),
            (false, true, _) => Some(ProcessRole::Writer),
            (false, false, true) => Some(ProcessRole::Processor),
            (false, false, false) => None,
        }
    }

    /// Whether `wanted` can work with these rights.
    const fn suffice(&self, wanted: ProcessRole) -> bool {
        match wanted {
            ProcessRole::Coordinator => self.opens_runs,
            ProcessRole::Writer => self.writes_rejects && self.reads_back,
            ProcessRole::Processor => self.reads_back,
            ProcessRole::Console | ProcessRole::Auditor => true,
        }
    }

    /// What they allow that `wanted` has no use for, in words.
    fn excess(&self, wanted: ProcessRole) -> Vec<String> {
        use ProcessRole::{Coordinator, Writer};
        let is_other = wanted != Coordinator;
        let mut all = Vec::new();
        if self.is_superuser {
            all.push("is a superuser".to_owned());
        }
        if is_other && !self.finals.is_empty() {
            all.push(format!("may write final ({})", self.finals.join(", ")));
        }
        if is_other && self.opens_runs {
            all.push("may open and promote runs".to_owned());
        }
        if is_other && self.makes_tables {
            all.push("may make tables".to_owned());
        }
        if is_other && wanted != Writer && self.writes_rejects {
            all.push("may write staging".to_owned());
        }
        if !is_other || wanted.is_of_a_worker() {
            return all;
        }
        if self.reads_back {
            all.push("may write the ledger".to_owned());
        }
        all
    }

    fn finding(&self, wanted: Option<ProcessRole>) -> Finding {
        let what = "database role";
        let who = if self.role == self.login {
            format!("role {}", self.role)
        } else {
            format!("role {} (user {})", self.role, self.login)
        };
        let advice = "give each process a role of its own: `crossfoot setup` makes them (docs/roles.md)";
        // Unless it is said for which process, rights that are enough for a coordinator are taken for one's.
        let Some(wanted) = wanted else {
            let fit = self.fit();
            let name = fit.map_or("a console or an auditor, which only read", ProcessRole::name);
            let excess = match fit {
                Some(ProcessRole::Coordinator) => Vec::new(),
                Some(role) => self.excess(role),
                None => self.excess(ProcessRole::Console),
            };
            if !excess.is_empty() {
                let detail = format!("{who} fits {name}, but it {}", excess.join(", and "));
                return Finding::warn(what, detail, advice);
            }
            let more = if self.is_superuser { "; no grant holds a superuser" } else { "" };
            return Finding::ok(what, format!("{who} fits {name}{more}"));
        };
        if !self.suffice(wanted) {
            let detail = format!("{who} lacks rights that a {} needs", wanted.name());
            return Finding::new(what, platform::health::Verdict::Bad, detail, Some(advice));
        }
        let excess = self.excess(wanted);
        if excess.is_empty() {
            return Finding::ok(what, format!("{who} may do what a {} needs, and no more", wanted.name()));
        }
        let detail =
            format!("{who} may do more than a {} needs: it {}", wanted.name(), excess.join(", and "));
        Finding::warn(what, detail, advice)
    }
}

#[cfg(test)]
mod tests {
    use platform::health::Verdict::{Bad, Ok, Warn};

    use super::*;

    fn writer() -> Rights {
        Rights {
            role: "crossfoot_writer".into(),
            login: "w1".into(),
            is_superuser: false,
            opens_runs: false,
            writes_rejects: true,
            reads_back: true,
            makes_tables: false,
            finals: Vec::new(),
        }
    }

    #[test]
    fn a_role_that_may_do_more_than_its_process_needs_is_named() {
        use ProcessRole::{Auditor, Coordinator, Processor, Writer};
        let verdict = |rights: &Rights, wanted| rights.finding(wanted).verdict;
        assert_eq!(verdict(&writer(), Some(Writer)), Ok);
        assert_eq!(verdict(&writer(), None), Ok);
        assert_eq!(verdict(&writer(), Some(Processor)), Warn);
        assert_eq!(verdict(&writer(), Some(Auditor)), Warn);
        assert_eq!(verdict(&writer(), Some(Coordinator)), Bad);
        let over = Rights { finals: vec!["\"postings\"".into()], ..writer() };
        let found = over.finding(None);
        assert_eq!(found.verdict, Warn);
        assert!(found.detail.contains("may write final (\"postings\")"), "{}", found.detail);
        let all = Rights { is_superuser: true, opens_runs: true, makes_tables: true, ..writer() };
        let found = all.finding(Some(Writer));
        assert_eq!(found.verdict, Warn);
        assert!(found.detail.contains("is a superuser, and may open and promote runs"), "{}", found.detail);
        assert_eq!(verdict(&all, None), Ok, "a coordinator, for all that is known");
        assert_eq!(verdict(&all, Some(Coordinator)), Warn);
    }
}
