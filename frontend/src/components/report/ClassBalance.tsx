// How often each class stands in each split, as bars of its share.
import { Card, Group, ScrollArea, Stack, Text, Title } from '@mantine/core'

import type { Balance, SplitName } from '../../api/types'
import { plural } from '../../lib/format'
import { balanceRows, formatShare, type BalanceRow } from '../../lib/report'

const COLOR: Record<SplitName, string> = {
  train: 'var(--mantine-color-indigo-6)',
  val: 'var(--mantine-color-orange-6)',
  test: 'var(--mantine-color-teal-6)',
}
// Ten thousand classes must not make a page of thirty thousand bars.
const MAX_ROWS = 200

interface ClassBalanceProps {
  balance: Balance
  /** Samples by split, which shares of labels are taken of. */
  sizes: Readonly<Record<string, number>>
}

export function ClassBalance({ balance, sizes }: ClassBalanceProps) {
  const rows = balanceRows(balance, sizes)
  const splits = rows[0]?.splits.map(({ split }) => split) ?? []
  return (
    <Card p="md">
      <Stack gap="sm">
        <Group justify="space-between" gap="xs">
          <Title order={2} size="h4">
            {TITLE[balance.unit]}
          </Title>
          <Group gap="md">
            {splits.map((split) => (
              <Group key={split} gap={6}>
                <span className="swatch" style={{ background: COLOR[split] }} />
                <Text size="xs">{split}</Text>
              </Group>
            ))}
          </Group>
        </Group>
        <ScrollArea.Autosize mah={420} type="auto" offsetScrollbars>
          <div className="balance">
            {rows.slice(0, MAX_ROWS).map((row) => (
              <Row key={row.name} row={row} />
            ))}
          </div>
        </ScrollArea.Autosize>
        {rows.length > MAX_ROWS && (
          <Text size="xs" c="dimmed">
            {plural(rows.length, 'class', 'classes')}, of which the first {MAX_ROWS} are shown
          </Text>
        )}
      </Stack>
    </Card>
  )
}

const TITLE: Record<Balance['unit'], string> = {
  samples: 'Classes',
  labels: 'Samples with each label',
  pixels: 'Pixels of each class',
}

function Row({ row }: { row: BalanceRow }) {
  return (
    <>
      <Text size="sm" className="break">
        {row.name}
      </Text>
      <Stack gap={3} miw={0}>
        {row.splits.map(({ split, count, share, width }) => (
          <div
            key={split}
            className="balance-bar"
            role="img"
            aria-label={`${row.name}, ${split}: ${count}`}
          >
            <span className="balance-track">
              <span style={{ width: `${width * 100}%`, background: COLOR[split] }} />
            </span>
            <Text size="xs" c="dimmed" className="numbers balance-count">
              {count.toLocaleString('en')} · {formatShare(share)}
            </Text>
          </div>
        ))}
      </Stack>
    </>
  )
}
