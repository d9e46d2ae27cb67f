//! The page that a comparison is kept with, in a real browser.

use super::{
    browser::{self, Browser},
    support::rungs,
};
use assert_cmd::cargo::cargo_bin;
use serde_json::{Value, json};
use std::{fs, os::unix::fs::symlink, path::Path};

/// What the page says of itself, in one call: of each chart its marks and the values of its table.
const CHARTS: &str = "[...document.querySelectorAll('figure')].map((figure) => ({
    title: figure.querySelector('h3').textContent,
    marks: figure.querySelectorAll('svg .marks path').length,
    lines: figure.querySelectorAll('svg .line').length,
    words: figure.querySelectorAll('svg text').length,
    laws: figure.querySelectorAll('svg .law').length,
    values: figure.querySelectorAll('td[data-value]').length,
    label: figure.querySelector('svg').getAttribute('aria-label'),
}))";

#[test]
fn the_page_of_a_run_works_in_a_browser() {
    let Some(program) = browser::program() else {
        println!("skipped: the_page_of_a_run_works_in_a_browser: no chromium on PATH");
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let runs = folder.path().join("runs");
    // A name that would be code, were it not written as text.
    // The kernel remembers each connection for a minute, and has room for so many: of this server's
    // there are few.
    let server = "concurrentserver_final";
    let long = "long".repeat(15);
    symlink(cargo_bin(server), folder.path().join(format!("<b>&x{long}"))).unwrap();
    let name = format!(r"\<b\>\&x{long}");
    let peer = format!("./{name} --listen {{addr}}");
    let mut compare = rungs(&["compare", server, "--rounds=1", "--peer", &peer]);
    compare.current_dir(folder.path()).args(["--work=hello,idle,overload", "--runs"]);
    compare.arg(&runs).assert().success();
    let page = fs::canonicalize(runs.join("latest/report.html")).unwrap();

    let mut browser = Browser::start(&program);
    browser.resize(1200, 900);
    browser.open(&format!("file://{}", page.display()));
    let charts = browser.evaluate(CHARTS);
    let charts = charts.as_array().unwrap();
    assert_eq!(charts.len(), drawn(&runs.join("latest/comparison.json")), "{charts:?}");
    for chart in charts {
        let number = |name: &str| chart[name].as_u64().unwrap();
        assert!(number("marks") > 0 && number("marks") == number("values"), "{chart}");
        assert!(number("lines") > 0 && number("words") > 3, "{chart}");
        let label = chart["label"].as_str().unwrap();
        assert!(label.starts_with(chart["title"].as_str().unwrap()), "{chart}");
    }
    let titles: Vec<_> = charts.iter().filter_map(|chart| chart["title"].as_str()).collect();
    for title in ["Throughput", "Response time over offered load", "CPU per answer"] {
        assert!(titles.contains(&title), "{titles:?}");
    }
    // Three levels are enough to predict the third.
    assert!(charts[0]["laws"].as_u64() > Some(0), "{}", charts[0]);
    sorts(&mut browser);
    switches_to_dark_and_back(&mut browser);
    points(&mut browser);
    puts_servers_out(&mut browser);
    is_whole_on_paper(&mut browser);
    // All of it, and not what is on the screen alone.
    browser.evaluate(
        "document.querySelectorAll('section').forEach((one) => one.style.contentVisibility = 'visible');
         document.querySelectorAll('details').forEach((one) => one.open = true)",
    );
    for width in [390, 320, 1920] {
        browser.resize(width, 800);
        let wide = browser.evaluate("document.documentElement.scrollWidth");
        assert!(wide.as_u64() <= Some(width.into()), "{wide} at {width}");
    }
    let named =
        "[...document.querySelectorAll('figure th[scope=row]')].map((one) => one.textContent)";
    let named = browser.evaluate(named);
    assert!(named.as_array().unwrap().iter().any(|one| *one == name[..]), "{named}");
    assert_eq!(browser.evaluate("document.querySelectorAll('b').length"), 0);
    assert_eq!(browser.errors, [""; 0]);
}

/// How many charts a comparison has: four of hello, four of idle, three of overload; none of what no row
/// has, such as memory that could not be seen, or a p99 on a machine where each turn has few answers.
fn drawn(comparison: &Path) -> usize {
    let comparison: Value = serde_json::from_slice(&fs::read(comparison).unwrap()).unwrap();
    let rows = comparison["rows"].as_array().unwrap();
    for row in rows {
        let turns = row["turns"].as_array().unwrap();
        let has_many = |turn: &Value| turn["answered"].as_u64() >= Some(100);
        let must_have = !turns.is_empty() && turns.iter().all(has_many);
        assert!(!must_have || row["p99_us"].is_object(), "{row}");
    }
    let works = [
        ("hello", &["requests_per_second", "p50_us", "p99_us", "cpu_us_per_request"][..]),
        ("idle", &["memory_per_connection", "requests_per_second", "p99_us", "cpu_us_per_request"]),
        ("overload", &["mean_us", "p99_us", "requests_per_second"]),
    ];
    let has = |work: &str, figure: &str| {
        let mut rows = rows.iter().filter(|row| row["work"] == work);
        rows.any(|row| row[figure]["median"].as_f64() > Some(0.0))
    };
    works
        .iter()
        .map(|(work, figures)| figures.iter().filter(|figure| has(work, figure)).count())
        .sum()
}

/// The first table of values, by a click at its second column, up and down.
fn sorts(browser: &mut Browser) {
    let values = "(() => {
        const table = document.querySelector('figure table');
        table.closest('details').open = true;
        table.querySelectorAll('th button')[1].click();
        return [...table.tBodies[0].rows].map((row) => Number(row.cells[1].dataset.value));
    })()";
    let sorted = |browser: &mut Browser| -> Vec<f64> {
        serde_json::from_value(browser.evaluate(values)).unwrap()
    };
    let (up, mut down) = (sorted(browser), sorted(browser));
    assert!(up.len() == 2 && up.is_sorted(), "{up:?}");
    down.reverse();
    assert_eq!(up, down);
    let said = "document.querySelector('figure th[aria-sort]').getAttribute('aria-sort')";
    assert_eq!(browser.evaluate(said), "descending");

    // By their values and not by their letters; what has none comes last.
    let more = "(() => {
        const body = document.querySelector('#broke table').tBodies[0];
        for (const value of [2000009, 2000100, null, 2000010]) {
            const row = body.rows[0].cloneNode(true);
            row.className = 'extra';
            row.cells[1].textContent = value ?? 'not done';
            if (value) row.cells[1].dataset.value = value; else delete row.cells[1].dataset.value;
            body.append(row);
        }
        const rows = () => [...body.querySelectorAll('.extra')];
        const order = () => {
            document.querySelectorAll('#broke th button')[1].click();
            return rows().map((row) => row.cells[1].textContent);
        };
        const orders = [order(), order()];
        rows().forEach((row) => row.remove());
        return orders;
    })()";
    let expected = json!([
        ["2000009", "2000010", "2000100", "not done"],
        ["2000100", "2000010", "2000009", "not done"],
    ]);
    assert_eq!(browser.evaluate(more), expected);
}

/// As the system has it, and by the button.
fn switches_to_dark_and_back(browser: &mut Browser) {
    let ground = "getComputedStyle(document.body).backgroundColor";
    let light = browser.evaluate(ground);
    let media =
        |scheme: &str| json!({"features": [{"name": "prefers-color-scheme", "value": scheme}]});
    browser.call("Emulation.setEmulatedMedia", &media("dark"));
    let dark = browser.evaluate(ground);
    assert_ne!(light, dark);
    let button = "document.getElementById('theme').click()";
    browser.evaluate(button);
    assert_eq!(browser.evaluate(ground), light);
    browser.evaluate(button);
    assert_eq!(browser.evaluate(ground), dark);
    browser.call("Emulation.setEmulatedMedia", &media("light"));
    browser.evaluate(button);
    assert_eq!(browser.evaluate(ground), light);
}

/// Where the first mark of a chart is, once it is in the middle of the window.
fn mark(browser: &mut Browser, chart: usize) -> [f64; 2] {
    let place = format!(
        "(() => {{
            const mark = document.querySelectorAll('figure svg')[{chart}].querySelector('.marks path');
            mark.scrollIntoView({{block: 'center', behavior: 'instant'}});
            const box = mark.getBoundingClientRect();
            return [box.left + box.width / 2, box.top + box.height / 2];
        }})()"
    );
    serde_json::from_value(browser.evaluate(&place)).unwrap()
}

/// The value at hand, under the pointer and by the keys.
fn points(browser: &mut Browser) {
    let [x, y] = mark(browser, 0);
    browser.point(x, y);
    let tip = "(() => {
        const tip = document.getElementById('tip');
        return getComputedStyle(tip).opacity === '1' ? tip.textContent : '';
    })()";
    let told = browser.evaluate(tip);
    assert!(told.as_str().unwrap().contains(", 1 at once: "), "{told}");
    browser.point(1.0, 1.0);
    assert_eq!(browser.evaluate(tip), "");

    browser.evaluate("document.querySelector('figure svg').focus({preventScroll: true})");
    let mut heard = Vec::new();
    for key in ["ArrowRight", "ArrowRight", "ArrowDown"] {
        browser.key(key);
        heard.push(browser.evaluate(tip).as_str().unwrap().to_owned());
    }
    assert!(heard[0].contains(", 1 at once: ") && heard[1].contains(", 16 at once: "), "{heard:?}");
    let name = |heard: &str| heard.split(',').next().unwrap().to_owned();
    assert_eq!(name(&heard[0]), name(&heard[1]));
    assert_ne!(name(&heard[1]), name(&heard[2]));
    browser.key("Escape");
    assert_eq!(browser.evaluate(tip), "");

    // There is one, in whichever chart: that the first loses the focus takes nothing from the second.
    browser.key("ArrowRight");
    let [x, y] = mark(browser, 1);
    browser.press(x, y);
    assert_ne!(browser.evaluate(tip), "");
    let chosen =
        "[...document.querySelectorAll('figure svg')].map((one) => one.classList.contains('one'))";
    let chosen = browser.evaluate(chosen);
    assert_eq!(chosen.as_array().unwrap()[..3], [false, true, false]);
    // It moves with its mark, and goes when a finger was about to scroll.
    let place = "new Promise((done) => {
        const top = () => document.getElementById('tip').getBoundingClientRect().top;
        const before = top();
        scrollBy({top: 40, behavior: 'instant'});
        requestAnimationFrame(() => requestAnimationFrame(() => done(before - top())));
    })";
    assert_eq!(browser.evaluate(place), 40);
    let cancel = "document.querySelectorAll('figure svg')[1].dispatchEvent(new PointerEvent('pointercancel'))";
    browser.evaluate(cancel);
    assert_eq!(browser.evaluate(tip), "");
    browser.point(1.0, 1.0);
}

fn puts_servers_out(browser: &mut Browser) {
    let seen = "[...document.querySelectorAll('figure .s0, tr.s0')]
        .filter((one) => getComputedStyle(one).display !== 'none').length";
    let click = "document.querySelector('[data-server=\"0\"]').click()";
    assert!(browser.evaluate(seen).as_u64() > Some(0));
    browser.evaluate(click);
    assert_eq!(browser.evaluate(seen), 0);
    browser.evaluate(click);
    assert!(browser.evaluate(seen).as_u64() > Some(0));
}

/// What is folded away is printed.
fn is_whole_on_paper(browser: &mut Browser) {
    let folded = "document.querySelectorAll('details:not([open])').length";
    let before = browser.evaluate(folded);
    let print = "new Promise((done) => {
        addEventListener('beforeprint', () => done(document.querySelectorAll('details:not([open])').length));
        dispatchEvent(new Event('beforeprint'));
    })";
    assert!(before.as_u64() > Some(0));
    assert_eq!(browser.evaluate(print), 0);
    // As many columns as there are works, each with much to tell.
    let widen =
        "for (const row of document.querySelectorAll('#broke tr')) while (row.cells.length < 9) {
        const cell = row.cells[row.cells.length - 1].cloneNode(true);
        if (cell.tagName === 'TD') cell.textContent = 'died from 16 clients, 2.9k requests failed';
        cell.className += ' extra';
        row.append(cell);
    }";
    browser.evaluate(widen);
    browser.call("Emulation.setEmulatedMedia", &json!({"media": "print"}));
    // As wide as A4 between its margins.
    browser.resize(680, 1000);
    let wide = "Math.max(...[...document.querySelectorAll('table, td, svg')]
        .map((one) => one.getBoundingClientRect().right))";
    let wide = browser.evaluate(wide);
    assert!(wide.as_f64() <= Some(680.0), "{wide}");
    browser.evaluate("document.querySelectorAll('#broke .extra').forEach((one) => one.remove())");
    browser.call("Emulation.setEmulatedMedia", &json!({"media": ""}));
    browser.resize(1200, 900);
    browser.evaluate("dispatchEvent(new Event('afterprint'))");
    assert_eq!(browser.evaluate(folded), before);
}
