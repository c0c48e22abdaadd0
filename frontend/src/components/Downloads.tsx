// The trained model as files.
import { Button, Group, Menu } from '@mantine/core'
import { ChevronDown, Download } from 'lucide-react'

import { modelUrl, type ModelFormat } from '../api/jobs'

const OTHERS: { format: ModelFormat; label: string }[] = [
  { format: 'onnx', label: 'ONNX, takes raw pictures' },
  { format: 'safetensors', label: 'Weights as safetensors' },
]

export function Downloads({ jobId }: { jobId: string }) {
  return (
    <Group gap={1} wrap="nowrap">
      <Button
        component="a"
        href={modelUrl(jobId, 'bundle')}
        download
        size="sm"
        leftSection={<Download size={16} />}
        style={{ borderStartEndRadius: 0, borderEndEndRadius: 0 }}
      >
        Download model
      </Button>
      <Menu position="bottom-end">
        <Menu.Target>
          <Button
            size="sm"
            px={8}
            aria-label="Other formats"
            style={{ borderStartStartRadius: 0, borderEndStartRadius: 0 }}
          >
            <ChevronDown size={16} />
          </Button>
        </Menu.Target>
        <Menu.Dropdown>
          <Menu.Item component="a" href={modelUrl(jobId, 'bundle')} download>
            Bundle: weights, ONNX, spec, labels, metrics
          </Menu.Item>
          {OTHERS.map(({ format, label }) => (
            <Menu.Item key={format} component="a" href={modelUrl(jobId, format)} download>
              {label}
            </Menu.Item>
          ))}
        </Menu.Dropdown>
      </Menu>
    </Group>
  )
}
