// A confusion matrix as a table of shades: rows are the true classes, columns the predicted ones.
import { Text } from '@mantine/core'

interface ConfusionMatrixProps {
  matrix: readonly (readonly number[])[]
  names: readonly string[]
}

export function ConfusionMatrix({ matrix, names }: ConfusionMatrixProps) {
  return (
    <div style={{ overflowX: 'auto' }} tabIndex={0} role="region" aria-label="Confusion matrix">
      <table className="confusion">
        <caption style={{ captionSide: 'bottom', textAlign: 'left' }}>
          <Text size="xs" c="dimmed" component="span">
            Rows: true class. Columns: predicted class.
          </Text>
        </caption>
        <thead>
          <tr>
            <td />
            {matrix.map((_, column) => (
              <th key={column} scope="col">
                {names[column] ?? column}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {matrix.map((counts, row) => (
            <tr key={row}>
              <th scope="row" title={names[row]}>
                {names[row] ?? row}
              </th>
              {counts.map((count, column) => (
                <Cell key={column} count={count} of={sum(counts)} right={row === column} />
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  )
}

const sum = (counts: readonly number[]) => counts.reduce((total, count) => total + count, 0)

function Cell({ count, of, right }: { count: number; of: number; right: boolean }) {
  const share = of === 0 ? 0 : count / of
  const color = right ? 'var(--mantine-color-teal-6)' : 'var(--mantine-color-red-6)'
  // Rare confusions are what one looks for: the square root lifts them into sight.
  const strength = count === 0 ? 0 : 8 + 62 * Math.sqrt(share)
  return (
    <td style={{ background: `color-mix(in srgb, ${color} ${strength}%, var(--card-background))` }}>
      {count === 0 ? <Text span size="xs" c="dimmed">0</Text> : count}
    </td>
  )
}
