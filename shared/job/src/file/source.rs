//! `[source]`: how the source is written.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;
use toml::Spanned;

use super::record::NamesOrOne;
use super::values::name_or_names;

/// How the source is written: its format, its encoding, and where its records begin and end.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SourceSection {
    /// How fields are arranged in a record. `delimited`: between separators. `fixed`: at positions that the job gives.
    /// `copybook`: as a COBOL copybook lays them out.
    #[schemars(
        with = "String",
        extend("enum" = ["delimited", "fixed", "copybook"], "examples" = ["copybook"])
    )]
    pub(crate) format: Spanned<String>,
    /// The source's path, relative to the job file. `--source` on the command line replaces it.
    #[serde(default)]
    #[schemars(with = "String", extend("examples" = ["payments.csv"]))]
    pub(crate) path: Option<String>,
    /// The encoding of text: `utf-8`, `latin-1`, another encoding that has ASCII in it, or a code page. `delimited` and
    /// `fixed` take `utf-8`, `latin-1`, `windows-1250` to `windows-1258`, `iso-8859-2` to `iso-8859-16` (not 9, 11 and
    /// 12), `koi8-r`, `shift_jis`, `euc-jp`, `gbk`, `gb18030`, `big5` and `euc-kr`; `fixed` takes every code page too;
    /// `copybook` takes `latin-1` and every code page. Code pages: 037, 273, 277, 278, 280, 284, 285, 297, 500, 870,
    /// 871, 1026, 1047, 1140 to 1149, and `ascii`, written `cp037`, `ibm037` or `ccsid 37`. The default is `utf-8`, and
    /// `cp037` for `copybook`. A list, as of `fixed` and `copybook` sources with a `when`, leaves open which of several
    /// a source is in: the one in which its first records (up to 100) are of types that a `when` tells. If none is, or
    /// more than one, the source is refused. The run's job names the one that was found.
    #[serde(default)]
    #[schemars(
        schema_with = "name_or_names",
        extend("examples" = ["cp1047", "latin-1", ["cp037", "latin-1"]])
    )]
    pub(crate) encoding: Option<Spanned<NamesOrOne>>,
    /// Formats `delimited` and `fixed`, in encodings other than UTF-8 and code pages: what a C1 control character (in
    /// `latin-1` the bytes 0x80 to 0x9F) is: a reject, because it says that the file is of another encoding, or text.
    #[serde(default)]
    #[schemars(
        with = "String",
        extend("default" = "reject", "enum" = ["reject", "keep"], "examples" = ["keep"])
    )]
    pub(crate) control_characters: Option<Spanned<String>>,
    /// Whether each accepted record is encoded again from its values and compared with its bytes (INV-14). `off` is
    /// shown in the report as a warning. `--decode-proof off` on the command line writes it into the run's job.
    #[serde(default)]
    #[schemars(
        with = "String",
        extend("default" = "on", "enum" = ["on", "off"], "examples" = ["off"])
    )]
    pub(crate) decode_proof: Option<Spanned<String>>,
    /// How the source is compressed. `auto` looks at its first bytes.
    #[serde(default)]
    #[schemars(
        with = "String",
        extend("default" = "auto", "enum" = ["auto", "none", "gzip", "zstd"], "examples" = ["gzip"])
    )]
    pub(crate) compression: Option<Spanned<String>>,
    /// How one record ends and the next begins, in formats `fixed` and `copybook`. `fixed`: after `record_bytes` bytes.
    /// `line`: at a line end. `rdw`: each record follows a record descriptor word of 4 bytes. `bdw`: records with
    /// descriptor words are in blocks with block descriptor words. `length-prefix`: each record follows its length in 2
    /// or 4 bytes. `length-field`: a field of the record holds its length. `layout` (`copybook` only): nothing
    /// separates records, and each is as long as its record type and its counts (`OCCURS DEPENDING ON`) say; a count or
    /// record type that cannot be read ends the run, because nothing after it can be separated. The default is `line`
    /// for `fixed`, and `fixed` for `copybook`.
    #[serde(default)]
    #[schemars(
        with = "String",
        extend(
            "enum" = ["fixed", "line", "rdw", "bdw", "length-prefix", "length-field", "layout"],
            "examples" = ["rdw"]
        )
    )]
    pub(crate) framing: Option<Spanned<String>>,
    /// Format `delimited`: the character between fields, one ASCII character.
    #[serde(default)]
    #[schemars(with = "String", length(min = 1, max = 1), extend("default" = ",", "examples" = [";"]))]
    pub(crate) separator: Option<Spanned<String>>,
    /// Format `delimited`: the character around fields that hold separators or line ends. `""` switches quotes off.
    /// Quoted text is never NULL.
    #[serde(default)]
    #[schemars(with = "String", length(max = 1), extend("default" = "\"", "examples" = [""]))]
    pub(crate) quote: Option<Spanned<String>>,
    /// Format `delimited`: the character that takes away the meaning of the one after it. With quotes, of a quote
    /// inside quotes; a quote that is written twice always stands for one quote. With `quote = ""`, of the separator, a
    /// line end or itself; `\\` then also spells `\n`, `\t`, `\r`, `\b`, `\f`, `\v`, `\0` and `\Z`, as COPY and
    /// mysqldump write them, and any other letter after it is a reject. `null = "\\N"` goes with it. The default is
    /// none.
    #[serde(default)]
    #[schemars(with = "String", length(max = 1), extend("default" = "", "examples" = ["\\"]))]
    pub(crate) escape: Option<Spanned<String>>,
    /// Format `delimited`: whether the first row names the columns. It is no record. A column is found by its name
    /// (`from`, or the field's own), in any order; with several record types, and with `rest`, the columns must be in
    /// the fields' order. A column that no field has and `leave_out` does not name is refused, and so is a field
    /// without a column.
    #[serde(default)]
    #[schemars(with = "bool", extend("default" = false, "examples" = [true]))]
    pub(crate) header: Option<Spanned<bool>>,
    /// Format `delimited`: how many lines at the start of the source, before the header row or the first record, are
    /// no records: a title, a date of the export. They are not read, but hashed, and counted as framing. At most 1 MiB.
    #[serde(default)]
    #[schemars(with = "usize", range(min = 1, max = 1000), extend("examples" = [2]))]
    pub(crate) skip_lines: Option<Spanned<usize>>,
    /// Format `delimited`: what a line begins with that is a comment, and no record (1 to 8 bytes). Comments may be
    /// anywhere between records. They are not read, but hashed, and counted as framing. At most 64 KiB of comments
    /// and blank lines may follow each other.
    #[serde(default)]
    #[schemars(with = "String", length(min = 1, max = 8), extend("examples" = ["#"]))]
    pub(crate) comment: Option<Spanned<String>>,
    /// Format `delimited`: whether a line of nothing, or of spaces, is a record (`record`) or none (`skip`). One that
    /// is none is hashed, and counted as framing. By default it is a record, so that lines and records agree.
    #[serde(default)]
    #[schemars(with = "String", extend("default" = "record", "enum" = ["record", "skip"], "examples" = ["skip"]))]
    pub(crate) blank_lines: Option<Spanned<String>>,
    /// Format `delimited`: whether a line of x'1A' alone, the byte with which DOS ends a text, is a record (`record`)
    /// or none (`skip`). One that is none is hashed, and counted as framing.
    #[serde(default)]
    #[schemars(with = "String", extend("default" = "record", "enum" = ["record", "skip"], "examples" = ["skip"]))]
    pub(crate) end_of_file: Option<Spanned<String>>,
    /// Formats `delimited` and `fixed`: how numbers are written. Without it they are written as SQL writes them
    /// (`-1234.56`); anything else is a reject.
    #[serde(default)]
    #[schemars(with = "NumbersSection")]
    pub(crate) numbers: Option<Spanned<NumbersSection>>,
    /// Format `delimited`: the unquoted text that stands for NULL, or a list of such texts. A field's own `null`
    /// replaces it.
    #[serde(default)]
    #[schemars(schema_with = "name_or_names", extend("default" = "", "examples" = ["\\N", ["", "NULL", "\\N"]]))]
    pub(crate) null: Option<Spanned<NamesOrOne>>,
    /// Formats `delimited` and `fixed`: the first of the hundred years that years of two digits (`%y`) belong to. With
    /// 1950, 49 is 2049 and 50 is 1950. A field's own `year_window` replaces it. Copybooks have `cobol.year_window`.
    #[serde(default)]
    #[schemars(with = "i16", range(min = 1, max = 9900), extend("default" = 1969, "examples" = [1950]))]
    pub(crate) year_window: Option<Spanned<i16>>,
    /// Format `delimited`: whether each row has a separator after its last field, as in `a|b|`.
    #[serde(default)]
    #[schemars(with = "bool", extend("default" = false, "examples" = [true]))]
    pub(crate) trailing_separator: Option<Spanned<bool>>,
    /// Format `delimited`: the character that ends a record before its line end, as in BAI2. Blanks may follow it. It
    /// is no part of a field.
    #[serde(default)]
    #[schemars(with = "String", length(min = 1, max = 1), extend("examples" = ["/"]))]
    pub(crate) terminator: Option<Spanned<String>>,
    /// Format `delimited` without quotes: a line that begins with this text (1 to 8 bytes) continues the record
    /// before it, as BAI2's 88 records do.
    #[serde(default)]
    #[schemars(with = "String", length(min = 1, max = 8), extend("examples" = ["88,"]))]
    pub(crate) continuation: Option<Spanned<String>>,
    /// Format `fixed` with lines: what a line is that is shorter than its record. `reject`: a reject. `pad`: blanks
    /// fill it up, but a line that ends within a field that is not text is a reject anyway.
    #[serde(default)]
    #[schemars(
        with = "String",
        extend("default" = "reject", "enum" = ["reject", "pad"], "examples" = ["pad"])
    )]
    pub(crate) short_lines: Option<Spanned<String>>,
    /// Which blanks around a field's text are padding, in formats `delimited` and `fixed`. `none`: every blank is data.
    /// `right`: those after the text. `both`: those on either side. The default is `none` for `delimited`; for `fixed`
    /// it is `right` for text and `both` for other types. A field's own `trim` replaces it.
    #[serde(default)]
    #[schemars(with = "String", extend("enum" = ["none", "right", "both"], "examples" = ["both"]))]
    pub(crate) trim: Option<Spanned<String>>,
    /// The length of every record in bytes, framing not counted, for framings `fixed` and `line`. The default is as far
    /// as the fields reach.
    #[serde(default)]
    #[schemars(with = "usize", range(min = 1), extend("examples" = [350]))]
    pub(crate) record_bytes: Option<Spanned<usize>>,
    /// The longest record that is possible, in bytes, framing included. Past it the framing itself counts as damaged,
    /// and the run stops.
    #[serde(default)]
    #[schemars(
        with = "usize",
        range(min = 1, max = 4_194_304),
        extend("default" = 1_048_576, "examples" = [32760])
    )]
    pub(crate) record_bytes_max: Option<Spanned<usize>>,
    /// Format `copybook`: the copybook's file, relative to the job file. A record type may name one of its own.
    #[serde(default)]
    #[schemars(with = "String", extend("examples" = ["client.cpy"]))]
    pub(crate) copybook: Option<Spanned<String>>,
    /// Format `copybook`: the folders, relative to the job file, in which copybooks are looked for that the copybook
    /// copies (COPY). Its own folder comes first. A name is tried as it is written, in small letters and in capitals,
    /// alone and with `.cpy`, `.cbl`, `.cob` and `.copy`. What is copied becomes part of the job, and of its digest.
    #[serde(default)]
    #[schemars(with = "Vec<String>", extend("examples" = [["copylib", "../shared/copylib"]]))]
    pub(crate) copybook_folders: Option<Spanned<Vec<String>>>,
    /// Format `copybook`: what is replaced in the copybook, as COPY … REPLACING would: a placeholder between colons
    /// wherever it is in a word, anything else as whole words.
    #[serde(default)]
    #[schemars(with = "BTreeMap<String, String>", extend("examples" = [{ ":TAG:": "CUST" }]))]
    pub(crate) copybook_replacing: Option<Spanned<BTreeMap<String, String>>>,
    /// Format `copybook`: the copybook's reference format. `fixed`: the text is in columns 8 to 72. `free`: it may be
    /// anywhere.
    #[serde(default)]
    #[schemars(with = "String", extend("default" = "fixed", "enum" = ["fixed", "free"], "examples" = ["free"]))]
    pub(crate) copybook_format: Option<Spanned<String>>,
    /// Format `copybook`: what the copybook does not say of how fields are written.
    #[serde(default)]
    #[schemars(with = "CobolSection")]
    pub(crate) cobol: Option<Spanned<CobolSection>>,
    /// The byte order of lengths, for framings `rdw`, `bdw`, `length-prefix`, and `length-field` of kind `binary`.
    /// `little` turns a whole descriptor word around: two zero bytes, then the length.
    #[serde(default)]
    #[schemars(with = "String", extend("enum" = ["big", "little"], "examples" = ["little"]))]
    pub(crate) length_endian: Option<Spanned<String>>,
    /// Whether a length counts the bytes that it is written in. The default is `true` for `rdw` and `bdw`, and `false`
    /// for `length-prefix`.
    #[serde(default)]
    #[schemars(with = "bool", extend("examples" = [false]))]
    pub(crate) length_includes_header: Option<Spanned<bool>>,
    /// Framing `length-prefix`: how many bytes the length has.
    #[serde(default)]
    #[schemars(with = "usize", extend("default" = 4, "enum" = [2, 4], "examples" = [2]))]
    pub(crate) prefix_bytes: Option<Spanned<usize>>,
    /// Framing `length-field`: where in the record its length stands.
    #[serde(default)]
    #[schemars(with = "LengthFieldSection")]
    pub(crate) length_field: Option<Spanned<LengthFieldSection>>,
    /// Framing `line` in EBCDIC: the byte that ends a line. `lf` is 0x25 (and a carriage return 0x0D before it is
    /// dropped), `nel` is 0x15. In other encodings a line ends at LF or CRLF, and only `lf` is allowed.
    #[serde(default)]
    #[schemars(with = "String", extend("default" = "lf", "enum" = ["lf", "nel"], "examples" = ["nel"]))]
    pub(crate) line_end: Option<Spanned<String>>,
    /// How many bytes precede the first record, for formats `fixed` and `copybook`. They are hashed, and are no
    /// record. At most 1 MiB.
    #[serde(default)]
    #[schemars(with = "usize", range(max = 1_048_576), extend("default" = 0, "examples" = [128]))]
    pub(crate) file_header_bytes: Option<Spanned<usize>>,
    /// How many bytes stand after the last record, for formats `fixed` and `copybook`. They are hashed, and are no
    /// record. At most 1 MiB.
    #[serde(default)]
    #[schemars(with = "usize", range(max = 1_048_576), extend("default" = 0, "examples" = [64]))]
    pub(crate) file_footer_bytes: Option<Spanned<usize>>,
}

/// How numbers are written. What is not written so is a reject.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("examples" = [{ "decimal": ",", "grouping": "." }]))]
pub(crate) struct NumbersSection {
    /// The character that decimal places follow.
    #[serde(default)]
    #[schemars(with = "String", extend("default" = ".", "examples" = [","]))]
    pub(crate) decimal: Option<String>,
    /// The mark between groups of three digits, one character. A number may be written without it, but not with some
    /// of it. The default is none.
    #[serde(default)]
    #[schemars(with = "String", extend("examples" = ["."]))]
    pub(crate) grouping: Option<String>,
    /// The currency signs that a number may have in front or at its end.
    #[serde(default)]
    #[schemars(extend("examples" = [["$", "USD"]]))]
    pub(crate) currencies: Vec<String>,
    /// Whether a sign may stand after the number, `250.00-`.
    #[serde(default)]
    #[schemars(extend("default" = false, "examples" = [true]))]
    pub(crate) trailing_sign: bool,
    /// Whether a number in parentheses is negative, `(250.00)`.
    #[serde(default)]
    #[schemars(extend("default" = false, "examples" = [true]))]
    pub(crate) parentheses: bool,
    /// The texts after a number that make it negative.
    #[serde(default)]
    #[schemars(extend("examples" = [["CR"]]))]
    pub(crate) negative: Vec<String>,
    /// The texts after a number that say that it is not negative.
    #[serde(default)]
    #[schemars(extend("examples" = [["DB"]]))]
    pub(crate) positive: Vec<String>,
    /// Whether a number may have a power of ten, `1.5E3`.
    #[serde(default)]
    #[schemars(extend("default" = false, "examples" = [true]))]
    pub(crate) exponent: bool,
}

/// What a copybook does not say of how fields are written. `[source.cobol]` is for all fields; the key `cobol` of a
/// `[[record.field]]` has the same keys, for that field alone.
#[derive(Debug, Default, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CobolSection {
    /// What a number is that holds nothing but spaces: a reject, NULL, or zero. `BLANK WHEN ZERO` in the copybook makes
    /// it zero in any case. In a binary number that may be as large as its bytes hold (COMP-5, `binary = "native"`),
    /// spaces are a number too: without this key they are read as that number, with it as the key says.
    #[serde(default)]
    #[schemars(
        with = "String",
        extend("default" = "reject", "enum" = ["reject", "null", "zero"], "examples" = ["null"])
    )]
    pub(crate) spaces: Option<String>,
    /// What a zoned or packed number is that holds nothing but low-values (0x00): a reject, NULL, or zero. In binary
    /// numbers 0x00 is the number zero.
    #[serde(default)]
    #[schemars(
        with = "String",
        extend("default" = "reject", "enum" = ["reject", "null", "zero"], "examples" = ["null"])
    )]
    pub(crate) low_values: Option<String>,
    /// What a zoned or packed number is that holds nothing but high-values (0xFF): a reject, NULL, or zero.
    #[serde(default)]
    #[schemars(
        with = "String",
        extend("default" = "reject", "enum" = ["reject", "null", "zero"], "examples" = ["null"])
    )]
    pub(crate) high_values: Option<String>,
    /// What low-values (0x00) in text are. `reject`: a reject, wherever they stand. `null`: text of nothing else is
    /// NULL, elsewhere they are a reject. `padding`: they are padding like spaces, elsewhere they are a reject.
    #[serde(default)]
    #[schemars(
        with = "String",
        extend("default" = "reject", "enum" = ["reject", "null", "padding"], "examples" = ["padding"])
    )]
    pub(crate) text_low_values: Option<String>,
    /// What text of nothing but high-values (0xFF) is. `keep` takes the characters that the code page has for them.
    #[serde(default)]
    #[schemars(
        with = "String",
        extend("default" = "reject", "enum" = ["reject", "null", "keep"], "examples" = ["null"])
    )]
    pub(crate) text_high_values: Option<String>,
    /// What text of nothing but padding is: NULL, or (`keep`) empty text.
    #[serde(default)]
    #[schemars(with = "String", extend("default" = "null", "enum" = ["null", "keep"], "examples" = ["keep"]))]
    pub(crate) empty_text: Option<String>,
    /// Which sign half bytes are accepted in zoned and packed numbers. `preferred`: C is plus, D is minus, and minus
    /// zero is a reject, as with NUMPROC(PFD). `usual`: F is plus too, as with NUMPROC(NOPFD). `any`: A, C, E and F are
    /// plus, B and D are minus, which is what the machine computes with. Unsigned fields have F; with `any` A, C and E
    /// too.
    #[serde(default)]
    #[schemars(
        with = "String",
        extend("default" = "usual", "enum" = ["preferred", "usual", "any"], "examples" = ["any"])
    )]
    pub(crate) signs: Option<String>,
    /// How a sign stands over a digit of a zoned number in ASCII. `translated`: as the characters of the EBCDIC bytes:
    /// `{` and `A` to `I` are +0 to +9, `}` and `J` to `R` are -0 to -9. `micro-focus`: a plain digit is plus, `p` to
    /// `y` are -0 to -9. Without effect in EBCDIC.
    #[serde(default)]
    #[schemars(
        with = "String",
        extend("default" = "translated", "enum" = ["translated", "micro-focus"], "examples" = ["micro-focus"])
    )]
    pub(crate) ascii_signs: Option<String>,
    /// How large a binary number (COMP, COMP-4, BINARY) may be. `picture`: a number with more digits than the picture
    /// is a reject, as with TRUNC(STD). `native`: as large as its bytes hold, as with TRUNC(BIN) and as COMP-5 always
    /// is.
    #[serde(default)]
    #[schemars(
        with = "String",
        extend("default" = "picture", "enum" = ["picture", "native"], "examples" = ["native"])
    )]
    pub(crate) binary: Option<String>,
    /// What a group of a binary number and a text is, both of level 49. `varchar`: a Db2 VARCHAR: the text is as long
    /// as the number says, trailing blanks are part of it, and an empty one is empty, not NULL. `plain`: two fields.
    #[serde(default)]
    #[schemars(
        with = "String",
        extend("default" = "varchar", "enum" = ["varchar", "plain"], "examples" = ["plain"])
    )]
    pub(crate) level_49: Option<String>,
    /// The byte order of COMP-5 and of IEEE floats. COMP is always big-endian. The default is `big` for EBCDIC; an
    /// ASCII source with such a field must say which.
    #[serde(default)]
    #[schemars(with = "String", extend("default" = "big", "enum" = ["big", "little"], "examples" = ["little"]))]
    pub(crate) native_order: Option<String>,
    /// How COMP-1 and COMP-2 are written: IBM's hexadecimal form, or IEEE 754. The default is `hexadecimal` for EBCDIC;
    /// an ASCII source with such a field must say which. Their columns are text, because a float is never an amount.
    #[serde(default)]
    #[schemars(
        with = "String",
        extend("enum" = ["hexadecimal", "ieee"], "examples" = ["ieee"])
    )]
    pub(crate) floats: Option<String>,
    /// What a date whose digits are all zero is: a reject, or NULL. For types such as `date(YYYYMMDD)`.
    #[serde(default)]
    #[schemars(
        with = "String",
        extend("default" = "reject", "enum" = ["reject", "null"], "examples" = ["null"])
    )]
    pub(crate) date_zeros: Option<String>,
    /// What a date whose digits are all nine is: a reject, or NULL. For types such as `date(YYYYMMDD)`.
    #[serde(default)]
    #[schemars(
        with = "String",
        extend("default" = "reject", "enum" = ["reject", "null"], "examples" = ["null"])
    )]
    pub(crate) date_nines: Option<String>,
    /// What the hour 24 of a timestamp is (`24.00.00`, `240000`): a reject, or the midnight of the next day. For the
    /// types `timestamp(YYYYMMDDHHMMSS)`, `timestamp(db2)` and `timestamptz(db2)`.
    #[serde(default)]
    #[schemars(
        with = "String",
        extend("default" = "reject", "enum" = ["reject", "next-day"], "examples" = ["next-day"])
    )]
    pub(crate) hour_24: Option<String>,
    /// The first of the hundred years that years of two digits belong to, as in COBOL's YEARWINDOW. With 1950, 49 is
    /// 2049 and
    /// 50 is 1950.
    #[serde(default)]
    #[schemars(with = "i16", extend("default" = 1950, "examples" = [1970]))]
    pub(crate) year_window: Option<i16>,
    /// Where fields stand after a table of varying length (OCCURS DEPENDING ON). `shift`: right after its last
    /// occurrence, as IBM's compilers lay them out. `stay`: after the room for the most occurrences, as Micro Focus
    /// lays them out with NOODOSLIDE; every record then has the greatest length.
    #[serde(default)]
    #[schemars(with = "String", extend("default" = "shift", "enum" = ["shift", "stay"], "examples" = ["stay"]))]
    pub(crate) behind_tables: Option<String>,
    /// Whether the level 88 entries of an item say which values its field may have. An item with a range (THRU) among
    /// them is not restricted.
    #[serde(default)]
    #[schemars(with = "bool", extend("default" = false, "examples" = [true]))]
    pub(crate) conditions: Option<bool>,
}

/// Where in the record its length stands.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("examples" = [{ "start": 1, "width": 4, "kind": "text", "adds": 4 }]))]
pub(crate) struct LengthFieldSection {
    /// The position of the field's first byte in the record, from 1.
    #[schemars(range(min = 1, max = 1_048_576), extend("examples" = [1]))]
    pub(crate) start: usize,
    /// How many bytes the field has: at most 8 for `binary`, 18 for `text`, 10 for `packed`.
    #[schemars(range(min = 1, max = 18), extend("examples" = [4]))]
    pub(crate) width: usize,
    /// How the length is written. `binary`: an unsigned binary number in `length_endian` order. `text`: digits in the
    /// source's encoding. `packed`: a packed decimal number (COMP-3).
    #[schemars(extend("enum" = ["binary", "text", "packed"], "examples" = ["text"]))]
    pub(crate) kind: String,
    /// The number of bytes to add to the written length to get the length of the whole record. It may be negative.
    #[serde(default)]
    #[schemars(range(min = -1_048_576, max = 1_048_576), extend("default" = 0, "examples" = [4]))]
    pub(crate) adds: i64,
}
