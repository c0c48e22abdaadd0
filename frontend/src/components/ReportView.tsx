// How the trained model does on samples that it has not seen, in the figures of its task.
import { Card, SimpleGrid, Stack, Text, Title } from '@mantine/core'
import type { ReactNode } from 'react'

import type { JobDetail, JobReport } from '../api/types'
import { toNumber } from '../lib/format'
import { classRows } from '../lib/jobReport'
import { ConfusionMatrix } from './ConfusionMatrix'
import { ClassTable } from './report/ClassTable'
import { FigureTable } from './report/FigureTable'
import { PredictedAgainstTrue } from './report/PredictedAgainstTrue'
import { WorstErrors } from './report/WorstErrors'

export function ReportView({ report, job }: { report: JobReport; job: JobDetail }) {
  const classes = report.per_class ?? []
  const outputs = report.per_output ?? []
  const baselines = report.baselines ?? []
  const points = (report.points ?? []).map(([x = NaN, y = NaN]) => [toNumber(x), toNumber(y)] as const)
  const worst = report.worst_errors ?? []
  const isOfMasks = classes.some((row) => typeof row.iou === 'number')
  return (
    <Stack gap="lg">
      {report.split && (
        <Text c="dimmed" size="sm">
          The best checkpoint on {(report.num_samples ?? 0).toLocaleString('en')} samples of{' '}
          {report.split}.
        </Text>
      )}
      <SimpleGrid cols={{ base: 1, lg: 2 }} spacing="lg">
        {report.confusion_matrix && (
          <Part title={isOfMasks ? 'Confusion of pixels' : 'Confusion matrix'}>
            <ConfusionMatrix
              matrix={report.confusion_matrix}
              names={classRows(classes, []).map((row) => row.name)}
            />
          </Part>
        )}
        {classes.length > 0 && (
          <Part title="Class by class">
            <ClassTable rows={classes} unit={isOfMasks ? 'pixels' : 'samples'} />
          </Part>
        )}
        {outputs.length > 0 && (
          <Part title="Output by output">
            <FigureTable rows={outputs} nameKey="output" />
          </Part>
        )}
        {points.length > 0 && (
          <Part title="Predicted against true">
            <PredictedAgainstTrue points={points} />
          </Part>
        )}
        {baselines.length > 0 && (
          <Part title="Without a model">
            <FigureTable rows={baselines} nameKey="name" />
          </Part>
        )}
      </SimpleGrid>
      {worst.length > 0 && (
        <Part title="Furthest off">
          <WorstErrors rows={worst} datasetId={job.dataset} split={report.split ?? 'test'} />
        </Part>
      )}
    </Stack>
  )
}

function Part({ title, children }: { title: string; children: ReactNode }) {
  return (
    <Card p="md" style={{ minWidth: 0 }}>
      <Stack gap="sm">
        <Title order={2} size="h5">
          {title}
        </Title>
        {children}
      </Stack>
    </Card>
  )
}
