// The slowest statements of the database.
import type { DatabaseStats, SlowQuery } from '../api/types.ts';
import { count, duration, text } from '../format.ts';
import { useResource } from '../live/resource.ts';
import { Answered, Note, Panel } from '../ui/panel.tsx';

const ms = (seconds: number) => text(duration(1000 * seconds));

export function Queries() {
  const queries = useResource<SlowQuery[]>('/database/slow-queries?limit=10', 15_000, 'low');
  const database = useResource<DatabaseStats>('/database/stats', 15_000, 'low');
  return (
    <Panel title="Slow queries" aside={database.answer?.data.enabled && !database.answer.data.connected ? 'not connected' : undefined}>
      <Answered of={database} label="the database" rows={5}>
        {(d) => (d.enabled ? <Enabled queries={queries} database={d} /> : <Off />)}
      </Answered>
    </Panel>
  );
}

function Off() {
  return (
    <Note icon="off" title="No database">
      <code>database.url</code> connects one; it is only read.
    </Note>
  );
}

function Enabled({ queries, database }: { queries: ReturnType<typeof useResource<SlowQuery[]>>; database: DatabaseStats }) {
  return (
    <>
      {!database.connected && (
        <p class="mb-2 rounded-md bg-bad-soft px-3 py-2 break-words text-bad" role="status">
          The database is not connected{database.last_error !== '' && `: ${database.last_error}`}. It is tried again by itself.
        </p>
      )}
      <Answered of={queries} label="slow queries" rows={5}>
        {(list) =>
          list.length === 0 ? (
            <Note icon="check" title="No slow query">
              No statement took longer than <code>database.slow_query_threshold</code>
            </Note>
          ) : (
            <Table list={list} />
          )
        }
      </Answered>
    </>
  );
}

function Table({ list }: { list: SlowQuery[] }) {
  return (
    <table class="w-full border-collapse">
      <thead>
        <tr>
          <th scope="col" class="cell-head pl-0">Statement</th>
          <th scope="col" class="cell-head cell-number hidden sm:table-cell">Calls</th>
          <th scope="col" class="cell-head cell-number">Max</th>
          <th scope="col" class="cell-head cell-number">Mean</th>
          <th scope="col" class="cell-head cell-number pr-0">Total</th>
        </tr>
      </thead>
      <tbody>
        {list.map((q) => (
          <tr key={q.fingerprint}>
            <th scope="row" class="cell pl-0 text-left font-mono text-xs font-normal break-words" title={q.query_text}>
              <span class="line-clamp-2">{q.query_text}</span>
            </th>
            <td class="cell cell-number hidden sm:table-cell">{count(q.calls)}</td>
            <td class="cell cell-number font-medium">{ms(q.execution_time)}</td>
            <td class="cell cell-number">{ms(q.mean_time)}</td>
            <td class="cell cell-number pr-0">{ms(q.total_time)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
